import { Readable } from 'node:stream'
import type { ServiceApp } from '@mlp/service-kit/app'
import { ProblemError, problemResponses } from '@mlp/service-kit/problem'
import { wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import type { Dialect } from '../database/dialect.ts'
import type { Jobs } from '../database/jobs.ts'
import { listResults } from '../database/results.ts'
import type { Run, Runs } from '../database/runs.ts'
import type { Database } from '../database/schema.ts'
import { requireJob } from './job-routes.ts'
import { progressEvents } from './progress-events.ts'
import { idParams, iso, objectSchema, pageLimit, runJson, runSchema } from './schemas.ts'

const tags = ['runs']

export interface RunRoutesOptions {
  readonly database: Database
  readonly dialect: Dialect
  readonly jobs: Jobs
  readonly runs: Runs
  readonly onAccepted: () => void
  readonly progressEveryMs: number
  readonly draining: AbortSignal
}

export function addRunRoutes(app: ServiceApp, options: RunRoutesOptions): void {
  const { database, dialect, jobs, runs } = options
  app.route({
    method: 'POST',
    url: '/v1/jobs/:id/runs',
    schema: {
      ...{ tags, summary: 'Asks for a run; it is kept before this answers', params: idParams },
      headers: z.object({
        'idempotency-key': z.string().min(1).max(128).optional().describe('The same key is the same run'),
      }),
      body: z.strictObject({ dryRun: z.boolean().default(false) }).default({ dryRun: false }),
      response: { 202: runSchema, ...problemResponses({ 400: 'Not a run', 404: 'No such job' }) },
    },
    async handler(request, reply) {
      const job = await requireJob(jobs, request.params.id)
      const run = await runs.accept(job, {
        dryRun: request.body.dryRun,
        idempotencyKey: request.headers['idempotency-key'],
      })
      options.onAccepted()
      return reply.code(202).header('location', `/v1/runs/${run.id}`).send(runJson(run))
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/runs',
    schema: {
      ...{ tags, summary: 'Lists runs, the newest first' },
      querystring: z.object({
        job: z.uuid().optional(),
        before: z.iso.datetime().optional().describe('createdAt of the last run of the page before'),
        limit: pageLimit,
      }),
      response: { 200: z.object({ runs: z.array(runSchema) }), ...problemResponses({ 400: 'Not a page' }) },
    },
    async handler(request) {
      const { job, before, limit } = request.query
      const beforeMs = before === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(before)
      return { runs: (await runs.list(job, beforeMs, limit)).map(runJson) }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/runs/:id',
    schema: {
      ...{ tags, summary: 'Shows a run', params: idParams },
      response: { 200: runSchema, ...problemResponses({ 400: 'Not an id', 404: 'No such run' }) },
    },
    handler: async request => runJson(await requireRun(runs, request.params.id)),
  })
  app.route({
    method: 'POST',
    url: '/v1/runs/:id/cancel',
    schema: {
      ...{ tags, summary: 'Asks a run to stop; what is copied stays', params: idParams },
      response: {
        202: runSchema,
        ...problemResponses({ 400: 'Not an id', 404: 'No such run', 409: 'It is over' }),
      },
    },
    async handler(request, reply) {
      const { id } = request.params
      await requireRun(runs, id)
      const asked = await runs.askToCancel(id)
      options.onAccepted()
      const run = await requireRun(runs, id)
      if (asked) return reply.code(202).send(runJson(run))
      throw new ProblemError({
        status: 409,
        kind: 'run-over',
        title: 'The run is over',
        detail: `It ${run.state}.`,
      })
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/runs/:id/objects',
    schema: {
      ...{ tags, summary: 'What became of each object that was not in step', params: idParams },
      querystring: z.object({
        after: wholeNumber(0, 10 ** 15 - 1)
          .default(0)
          .describe('The last sequence of the page before'),
        outcome: objectSchema.shape.outcome.optional(),
        limit: pageLimit,
      }),
      response: {
        200: z.object({ objects: z.array(objectSchema) }),
        ...problemResponses({ 400: 'Not a page', 404: 'No such run' }),
      },
    },
    async handler(request) {
      const run = await requireRun(runs, request.params.id)
      const { after, outcome, limit } = request.query
      const rows = await listResults(database, dialect, run.id, { after, outcome, most: limit })
      const objects = rows.map(row => ({
        sequence: row.sequence,
        destination: run.spec.destinations[row.destination] ?? '',
        key: row.object_key,
        action: row.action,
        outcome: row.outcome,
        bytes: row.bytes,
        ...(row.content_hash === null ? {} : { contentHash: row.content_hash }),
        ...(row.reason === null ? {} : { reason: row.reason }),
        at: iso(row.at_ms),
      }))
      return { objects }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/runs/:id/progress',
    schema: {
      ...{ tags, summary: 'A run as server-sent events: progress whenever it changed, end once it is over' },
      params: idParams,
      response: {
        200: {
          description: 'Events whose data is a Run',
          content: { 'text/event-stream': { schema: z.unknown() } },
        },
        ...problemResponses({ 400: 'Not an id', 404: 'No such run' }),
      },
    },
    async handler(request, reply) {
      const { id } = request.params
      await requireRun(runs, id)
      const events = progressEvents({
        read: () => runs.get(id),
        everyMs: options.progressEveryMs,
        draining: options.draining,
      })
      return reply
        .type('text/event-stream')
        .header('cache-control', 'no-store')
        .send(Readable.from(events, { objectMode: false }))
    },
  })
}

async function requireRun(runs: Runs, id: string): Promise<Run> {
  const run = await runs.get(id)
  if (run !== undefined) return run
  throw new ProblemError({ status: 404, kind: 'run-not-found', title: 'No such run' })
}
