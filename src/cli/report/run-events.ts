import * as z from 'zod'

/*
 * What the report reads of events.ndjson. An older or newer mlp may have written the file: unknown fields and unknown
 * types of events are ignored.
 */

const at = z.iso.datetime()
const leftover = z.object({
  cloud: z.string(),
  type: z.string(),
  id: z.string(),
  name: z.string(),
  reason: z.string(),
})
const leftovers = z.array(leftover).readonly().optional()
const error = z.object({
  code: z.string(),
  owner: z.string().optional(),
  retryable: z.boolean().optional(),
  summary: z.string(),
  detail: z.string().optional(),
  remedy: z.array(z.string()).readonly(),
  command: z.string().optional(),
})

const runEvent = z.discriminatedUnion('type', [
  z.object({
    at,
    type: z.literal('run-started'),
    runId: z.string(),
    command: z.string(),
    typed: z.string().optional(),
    target: z.string(),
    project: z.string(),
    environment: z.string(),
    steps: z.array(z.object({ id: z.string(), cloud: z.string(), title: z.string() })).readonly(),
  }),
  z.object({
    at,
    type: z.literal('step-started'),
    step: z.string(),
    cloud: z.string(),
    title: z.string(),
    why: z.string(),
  }),
  z.object({
    at,
    type: z.literal('step-finished'),
    step: z.string(),
    cloud: z.string(),
    title: z.string(),
    state: z.string(),
    why: z.string(),
    durationMs: z.number(),
    error: error.optional(),
  }),
  z.object({
    at,
    type: z.literal('gate'),
    gate: z.string(),
    outcome: z.string(),
    detail: z.string(),
    flag: z.string().optional(),
  }),
  z.object({
    at,
    type: z.literal('command-started'),
    id: z.string(),
    step: z.string().optional(),
    command: z.string(),
    cwd: z.string().optional(),
  }),
  z.object({ at, type: z.literal('tool-output'), step: z.string().optional(), line: z.string() }),
  z.object({
    at,
    type: z.literal('command-finished'),
    id: z.string(),
    exitCode: z.number().nullable(),
    signal: z.string().optional(),
    durationMs: z.number(),
  }),
  z.object({
    at,
    type: z.literal('check-finished'),
    check: z.string(),
    cloud: z.string(),
    status: z.string(),
    detail: z.string(),
    remedy: z.array(z.string()).readonly(),
  }),
  z.object({ at, type: z.literal('notice'), level: z.string(), message: z.string() }),
  z.object({ at, type: z.literal('interrupt'), signal: z.string(), count: z.number() }),
  z.object({
    at,
    type: z.literal('run-finished'),
    result: z.string(),
    exitCode: z.number(),
    durationMs: z.number(),
    done: z.number(),
    skipped: z.number(),
    failed: z.number(),
    total: z.number(),
    error: error.optional(),
    removed: leftovers,
    kept: leftovers,
    left: leftovers,
  }),
])
export type RunEvent = z.infer<typeof runEvent>

/** One line of events.ndjson; undefined for what the report does not read, and for a line that a kill cut short. */
export function parseRunEvent(line: string): RunEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  return runEvent.safeParse(value).data
}
