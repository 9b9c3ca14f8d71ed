import { randomUUID } from 'node:crypto'
import type { Selectable, Transaction } from 'kysely'
import { type JobSpec, jobSpecSchema } from '../job-spec.ts'
import { type RunProgress, runProgressSchema } from '../runs/run-progress.ts'
import type { Dialect } from './dialect.ts'
import type { Job } from './jobs.ts'
import { type Lease, type Leases, leaseOfJob } from './leases.ts'
import type { Database, RunRow, Schema } from './schema.ts'
import { take } from './take.ts'

export interface Run {
  readonly id: string
  readonly jobId: string
  readonly state: RunRow['state']
  readonly dryRun: boolean
  readonly scheduledMs: number | undefined
  readonly spec: JobSpec
  readonly attempt: number
  readonly cancelAsked: boolean
  readonly progress: RunProgress | undefined
  readonly problem: string | undefined
  readonly createdMs: number
  readonly startedMs: number | undefined
  readonly finishedMs: number | undefined
}

interface Wish {
  readonly dryRun: boolean
  /** The same key again is the same run. */
  readonly idempotencyKey?: string | undefined
}

export interface Runs {
  /** On disk when it returns. */
  accept(job: Job, wish: Wish): Promise<Run>
  get(id: string): Promise<Run | undefined>
  /** Of one job or all, newest first, before `beforeMs`. */
  list(jobId: string | undefined, beforeMs: number, most: number): Promise<readonly Run[]>
  /** false when it is over already. */
  askToCancel(id: string): Promise<boolean>
  /** Jobs with runs that wait or that a dead process left, longest waiting first. */
  jobsWithWork(most: number): Promise<readonly string[]>
  /** Takes the job's oldest unfinished run under its lease. */
  take(lease: Lease): Promise<Run | undefined>
  /** Tells how far it is; returns whether it is to be cancelled. */
  beat(lease: Lease, run: Run, progress: RunProgress): Promise<boolean>
  finish(lease: Lease, run: Run, end: RunEnd): Promise<void>
}

interface RunEnd {
  readonly state: 'succeeded' | 'failed' | 'cancelled'
  readonly progress: RunProgress | undefined
  readonly problem: string | undefined
}

const open = ['queued', 'running'] as const

export function createRuns(database: Database, dialect: Dialect, leases: Leases): Runs {
  const get = async (id: string): Promise<Run | undefined> => {
    const row = await database.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? undefined : runOf(row)
  }
  const byWish = async (wish: string): Promise<Run | undefined> => {
    const row = await database.selectFrom('runs').selectAll().where('wish', '=', wish).executeTakeFirst()
    return row === undefined ? undefined : runOf(row)
  }

  return {
    get,
    async accept(job, { dryRun, idempotencyKey }) {
      const id = randomUUID()
      const wish = `request:${job.id}:${idempotencyKey ?? id}`
      const row = queuedRun({ id, job, wish, dryRun, scheduledMs: null })
      try {
        await dialect.lastingly(database, on => on.insertInto('runs').values(row).execute())
        return runOf({ ...row, attempt: 0, cancel: 0 })
      } catch (error) {
        const known = await byWish(wish)
        if (known === undefined) throw error
        return known
      }
    },
    async list(jobId, beforeMs, most) {
      let query = database.selectFrom('runs').selectAll().where('created_ms', '<', beforeMs)
      if (jobId !== undefined) query = query.where('job_id', '=', jobId)
      const rows = await take(query.orderBy('created_ms', 'desc'), most, dialect).execute()
      return rows.map(runOf)
    },
    async askToCancel(id) {
      const { numUpdatedRows } = await dialect.lastingly(database, on =>
        on
          .updateTable('runs')
          .set({ cancel: 1 })
          .where('id', '=', id)
          .where('state', 'in', open)
          .executeTakeFirst(),
      )
      return numUpdatedRows === 1n
    },
    async jobsWithWork(most) {
      const query = database
        .selectFrom('runs')
        .select(({ fn }) => ['job_id', fn.min('created_ms').as('since')])
        .where('state', 'in', open)
        .groupBy('job_id')
        .orderBy('since')
      return (await take(query, most, dialect).execute()).map(({ job_id }) => job_id)
    },
    take: lease =>
      leases.fenced(lease, async transaction => {
        const query = transaction
          .selectFrom('runs')
          .selectAll()
          .where('state', 'in', open)
          .where('job_id', '=', lease.name.slice(leaseOfJob('').length))
          .orderBy('created_ms')
        const row = await take(query, 1, dialect).executeTakeFirst()
        if (row === undefined) return undefined
        const taken = {
          state: 'running',
          holder: lease.holder,
          attempt: row.attempt + 1,
          started_ms: row.started_ms ?? Date.now(),
        } as const
        await transaction.updateTable('runs').set(taken).where('id', '=', row.id).execute()
        return runOf({ ...row, ...taken })
      }),
    beat: (lease, run, progress) =>
      leases.fenced(lease, async transaction => {
        await setProgress(transaction, run.id, progress)
        const { cancel } = await transaction
          .selectFrom('runs')
          .select('cancel')
          .where('id', '=', run.id)
          .executeTakeFirstOrThrow()
        return cancel === 1
      }),
    async finish(lease, run, { state, progress, problem }) {
      await leases.fenced(lease, async transaction => {
        if (progress !== undefined) await setProgress(transaction, run.id, progress)
        await transaction
          .updateTable('runs')
          .set({ state, problem: problem ?? null, finished_ms: Date.now() })
          .where('id', '=', run.id)
          .execute()
      })
    },
  }
}

/** A run to insert. */
export function queuedRun(wanted: {
  readonly id: string
  readonly job: Job
  readonly wish: string
  readonly dryRun: boolean
  readonly scheduledMs: number | null
}) {
  return {
    id: wanted.id,
    job_id: wanted.job.id,
    wish: wanted.wish,
    state: 'queued' as const,
    dry_run: wanted.dryRun ? 1 : 0,
    scheduled_ms: wanted.scheduledMs,
    spec: JSON.stringify(wanted.job.spec),
    holder: null,
    progress: null,
    problem: null,
    created_ms: Date.now(),
    started_ms: null,
    finished_ms: null,
  }
}

async function setProgress(
  transaction: Transaction<Schema>,
  id: string,
  progress: RunProgress,
): Promise<void> {
  await transaction
    .updateTable('runs')
    .set({ progress: JSON.stringify(progress) })
    .where('id', '=', id)
    .execute()
}

function runOf(row: Selectable<RunRow>): Run {
  return {
    id: row.id,
    jobId: row.job_id,
    state: row.state,
    dryRun: row.dry_run === 1,
    scheduledMs: row.scheduled_ms ?? undefined,
    spec: jobSpecSchema.parse(JSON.parse(row.spec)),
    attempt: row.attempt,
    cancelAsked: row.cancel === 1,
    progress: row.progress === null ? undefined : runProgressSchema.parse(JSON.parse(row.progress)),
    problem: row.problem ?? undefined,
    createdMs: row.created_ms,
    startedMs: row.started_ms ?? undefined,
    finishedMs: row.finished_ms ?? undefined,
  }
}
