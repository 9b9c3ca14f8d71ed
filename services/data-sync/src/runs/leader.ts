import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Dialect } from '../database/dialect.ts'
import { jobOf } from '../database/jobs.ts'
import { type Lease, LeaseLost, type Leases } from '../database/leases.ts'
import { queuedRun } from '../database/runs.ts'
import type { Database } from '../database/schema.ts'
import { take } from '../database/take.ts'
import { nextDueMs } from '../job-spec.ts'
import type { Metrics } from '../metrics.ts'

export interface LeaderOptions {
  readonly database: Database
  readonly dialect: Dialect
  readonly leases: Leases
  readonly metrics: Metrics
  readonly log: FastifyBaseLogger
  readonly pollMs: number
  readonly historyDays: number
  readonly draining: AbortSignal
  readonly onScheduled: () => void
}

const dayMs = 86_400_000
/** Rows removed in one go, so that no lock is held for long. */
const pruneRuns = 20

/**
 * One replica at a time turns schedules into runs and removes old history. Resolves when the service drains, after
 * giving the lease back.
 */
export async function leadWhileHeld(options: LeaderOptions): Promise<void> {
  const { leases, metrics, log, draining, pollMs } = options
  let lease: Lease | undefined
  const pause = () => delay(pollMs, undefined, { signal: draining }).catch(() => undefined)
  for (; !draining.aborted; await pause()) {
    try {
      lease ??= await leases.acquire('leader')
      metrics.leading(lease !== undefined)
      if (lease === undefined) continue
      await leases.renew(lease)
      if ((await queueDueRuns(options, lease)) > 0) options.onScheduled()
      await prune(options, lease)
    } catch (error) {
      lease = undefined
      metrics.leading(false)
      if (error instanceof LeaseLost) metrics.leaseLost()
      log.error({ err: error }, 'leading failed')
    }
  }
  if (lease !== undefined)
    await leases.release(lease).catch(err => log.warn({ err }, 'the lease stays until it runs out'))
}

/** Times that were missed while nobody led become one run, and a job whose scheduled run still waits gets no second. */
async function queueDueRuns({ database, leases, dialect }: LeaderOptions, lease: Lease): Promise<number> {
  const due = await database.selectFrom('jobs').selectAll().where('due_ms', '<=', dialect.nowMs).execute()
  for (const row of due) {
    const job = jobOf(row)
    const scheduledMs = row.due_ms ?? 0
    await leases.fenced(lease, async transaction => {
      // A job that was changed meanwhile has another version, and its new time comes.
      const { numUpdatedRows } = await transaction
        .updateTable('jobs')
        .set({ due_ms: nextDueMs(job.spec, Date.now()) ?? null })
        .where('id', '=', job.id)
        .where('version', '=', job.version)
        .where('due_ms', '=', scheduledMs)
        .executeTakeFirst()
      if (numUpdatedRows !== 1n) return
      const waiting = await transaction
        .selectFrom('runs')
        .select('id')
        .where('job_id', '=', job.id)
        .where('state', '=', 'queued')
        .where('scheduled_ms', 'is not', null)
        .executeTakeFirst()
      if (waiting !== undefined) return
      const wish = `schedule:${job.id}:${scheduledMs}`
      const row = queuedRun({ id: randomUUID(), job, wish, dryRun: false, scheduledMs })
      await transaction.insertInto('runs').values(row).execute()
    })
  }
  return due.length
}

async function prune({ database, leases, dialect, historyDays }: LeaderOptions, lease: Lease): Promise<void> {
  const before = Date.now() - historyDays * dayMs
  const query = database
    .selectFrom('runs')
    .select('id')
    .where('finished_ms', '<', before)
    .where('state', 'not in', ['queued', 'running'])
  const old = (await take(query, pruneRuns, dialect).execute()).map(({ id }) => id)
  if (old.length === 0) return
  await leases.fenced(lease, async transaction => {
    await transaction.deleteFrom('run_objects').where('run_id', 'in', old).execute()
    await transaction.deleteFrom('runs').where('id', 'in', old).execute()
  })
}
