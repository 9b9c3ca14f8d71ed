import * as z from 'zod'

const count = z.int().nonnegative()

const destinationProgressSchema = z.object({
  location: z.string(),
  present: count.describe('Objects there before, of those that the job touches'),
  inStep: count,
  copied: count.describe('In a dry run: would be copied'),
  failed: count,
  skipped: count.describe(
    'Keys that not all stores can hold, and objects that changed while they were copied',
  ),
  deleted: count.describe('In a dry run: would be deleted'),
  bytesSent: count,
  bytesThere: count.describe('Left by an interrupted copy and not sent again'),
})

export const runProgressSchema = z.object({
  phase: z.enum(['copying', 'deleting', 'finished']),
  listed: count.describe('Objects of the source that were looked at'),
  destinations: z.array(destinationProgressSchema),
})
export type RunProgress = z.infer<typeof runProgressSchema>
export type DestinationProgress = z.infer<typeof destinationProgressSchema>

export function emptyProgress(locations: readonly string[]): RunProgress {
  const none = { present: 0, inStep: 0, copied: 0, failed: 0, skipped: 0, deleted: 0 }
  return {
    phase: 'copying',
    listed: 0,
    destinations: locations.map(location => ({ location, ...none, bytesSent: 0, bytesThere: 0 })),
  }
}
