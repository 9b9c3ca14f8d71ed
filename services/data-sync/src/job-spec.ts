import { Cron } from 'croner'
import * as z from 'zod'
import { filterSchema } from './plan/filter.ts'
import { locationSchema, overlap, parseLocation } from './stores/location.ts'

const cronSchema = z.string().max(100).refine(isCron, { error: 'not a cron expression of five fields' })

/** What a job is to do, as its owner wrote it. */
export const jobSpecSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
      .describe('Unique; lower-case letters, digits and dashes'),
    source: locationSchema.describe(
      's3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azure://ACCOUNT/CONTAINER/PREFIX',
    ),
    destinations: z.array(locationSchema).min(1).max(2).describe('One, or two that are fed by one reading'),
    include: filterSchema.shape.include.describe('Globs; without any, every key'),
    exclude: filterSchema.shape.exclude.describe('Globs; they win over includes'),
    deletions: z
      .strictObject({ maxRatio: z.number().gt(0).max(1).default(0.1) })
      .optional()
      .describe(
        'Delete at the destination what the source lacks, at most this share of it; without it, never',
      ),
    schedule: z
      .strictObject({ cron: cronSchema, timeZone: z.string().refine(isTimeZone).default('UTC') })
      .optional(),
    paused: z.boolean().default(false).describe('A paused job has no scheduled runs'),
  })
  .superRefine((job, context) => {
    const locations = [job.source, ...job.destinations].map(parseLocation)
    for (const [index, one] of locations.entries()) {
      for (const other of locations.slice(index + 1)) {
        if (one === undefined || other === undefined || !overlap(one, other)) continue
        context.addIssue({
          code: 'custom',
          path: ['destinations'],
          message: 'no two of a job’s locations may lie in one another',
        })
      }
    }
  })
export type JobSpec = z.infer<typeof jobSpecSchema>

/** The first time after `afterMs` that the schedule names; undefined without a schedule, or when it never comes. */
export function nextDueMs(spec: JobSpec, afterMs: number): number | undefined {
  if (spec.schedule === undefined || spec.paused) return undefined
  const { cron, timeZone } = spec.schedule
  return new Cron(cron, { timezone: timeZone, mode: '5-part' }).nextRun(new Date(afterMs))?.getTime()
}

function isCron(text: string): boolean {
  try {
    new Cron(text, { mode: '5-part' }).nextRun()
    return true
  } catch {
    return false
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
