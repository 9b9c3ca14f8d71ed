import { wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import type { Job } from '../database/jobs.ts'
import type { Run } from '../database/runs.ts'
import { jobSpecSchema } from '../job-spec.ts'
import { runProgressSchema } from '../runs/run-progress.ts'

const time = z.iso.datetime()

export const jobSchema = z
  .object({
    id: z.uuid(),
    version: z.int().describe('Rises with every change; also the ETag, for If-Match'),
    spec: jobSpecSchema,
    createdAt: time,
    updatedAt: time,
    nextRunAt: time.optional(),
  })
  .meta({ id: 'Job' })

export function jobJson(job: Job): z.output<typeof jobSchema> {
  return {
    id: job.id,
    version: job.version,
    spec: job.spec,
    createdAt: iso(job.createdMs),
    updatedAt: iso(job.updatedMs),
    ...(job.dueMs === undefined ? {} : { nextRunAt: iso(job.dueMs) }),
  }
}

export const runSchema = z
  .object({
    id: z.uuid(),
    jobId: z.uuid(),
    state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
    dryRun: z.boolean(),
    attempt: z.int().describe('How many processes worked on it, one after the other'),
    cancelAsked: z.boolean(),
    createdAt: time,
    scheduledFor: time.optional(),
    startedAt: time.optional(),
    finishedAt: time.optional(),
    problem: z.string().optional().describe('Why it failed'),
    progress: runProgressSchema.optional().describe('Of the last attempt; at most a second old'),
  })
  .meta({ id: 'Run' })

export function runJson(run: Run): z.output<typeof runSchema> {
  const { id, jobId, state, dryRun, attempt, cancelAsked, problem, progress } = run
  return {
    ...{ id, jobId, state, dryRun, attempt, cancelAsked },
    createdAt: iso(run.createdMs),
    ...(run.scheduledMs === undefined ? {} : { scheduledFor: iso(run.scheduledMs) }),
    ...(run.startedMs === undefined ? {} : { startedAt: iso(run.startedMs) }),
    ...(run.finishedMs === undefined ? {} : { finishedAt: iso(run.finishedMs) }),
    ...(problem === undefined ? {} : { problem }),
    ...(progress === undefined ? {} : { progress }),
  }
}

export const objectSchema = z
  .object({
    sequence: z.int(),
    destination: z.string(),
    key: z.string(),
    action: z.enum(['copy', 'delete']),
    outcome: z.enum(['done', 'failed', 'skipped', 'planned']),
    bytes: z.int(),
    contentHash: z
      .string()
      .optional()
      .describe('SHA-256 in hexadecimal; PARTBYTES:HEX is the SHA-256 of the parts’ SHA-256 sums'),
    reason: z.string().optional(),
    at: time,
  })
  .meta({ id: 'ObjectResult' })

export const idParams = z.object({ id: z.uuid() })
export const pageLimit = wholeNumber(1, 1_000).default(100)

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}
