import type { FastifyBaseLogger } from 'fastify'
import { type Lease, LeaseLost, type Leases } from '../database/leases.ts'
import type { Run, Runs } from '../database/runs.ts'
import type { Database } from '../database/schema.ts'
import { createUploadMemory } from '../database/uploads.ts'
import type { Metrics } from '../metrics.ts'
import type { RetryPolicy } from '../retry.ts'
import type { Semaphore } from '../semaphore.ts'
import { parseLocation } from '../stores/location.ts'
import type { Stores } from '../stores/open-stores.ts'
import type { Store } from '../stores/store.ts'
import { StoreError } from '../stores/store-error.ts'
import { keepBeating } from './heartbeat.ts'
import { openResultLog } from './result-log.ts'
import { emptyProgress } from './run-progress.ts'
import { sync } from './sync.ts'

export interface RunEnvironment {
  readonly database: Database
  readonly leases: Leases
  readonly runs: Runs
  readonly stores: Stores
  readonly metrics: Metrics
  readonly log: FastifyBaseLogger
  /** Shared by all runs of this process. */
  readonly memory: Semaphore
  readonly slots: Semaphore
  readonly policy: RetryPolicy
  readonly leaseTtlMs: number
  readonly beatMs: number
}

/** Why a run ends before it is done. */
class Stopped extends Error {
  readonly why: 'cancelled' | 'draining'
  constructor(why: 'cancelled' | 'draining') {
    super(why)
    this.name = 'Stopped'
    this.why = why
  }
}

/**
 * Works on a run until it is over, and keeps its outcome. When the service drains, the run stays as it is and its
 * lease is given back: another replica, or this one's successor, goes on with it at once. Throws LeaseLost when
 * another replica took it over, and what the database throws.
 */
export async function executeRun(
  environment: RunEnvironment,
  lease: Lease,
  run: Run,
  draining: AbortSignal,
): Promise<void> {
  const { runs, leases, metrics } = environment
  const log = environment.log.child({ runId: run.id, job: run.spec.name, attempt: run.attempt })
  const stop = new AbortController()
  const over = new AbortController()
  const drain = (): void => stop.abort(new Stopped('draining'))
  draining.addEventListener('abort', drain, { once: true })
  if (draining.aborted) drain()
  if (run.cancelAsked) stop.abort(new Stopped('cancelled'))
  const progress = emptyProgress(run.spec.destinations)
  const beating = keepBeating({
    everyMs: environment.beatMs,
    leaseTtlMs: environment.leaseTtlMs,
    signal: over.signal,
    onLost: error => stop.abort(error),
    async beat() {
      if (await runs.beat(lease, run, progress)) stop.abort(new Stopped('cancelled'))
    },
  })
  log.info({ source: run.spec.source, destinations: run.spec.destinations, dryRun: run.dryRun }, 'run begins')
  const startedMs = performance.now()
  const end = async (state: 'succeeded' | 'failed' | 'cancelled', problem?: string): Promise<void> => {
    await runs.finish(lease, run, { state, progress, problem })
    metrics.runEnded(run.spec.name, state, (performance.now() - startedMs) / 1_000)
    log.info({ state, problem, progress }, 'run ends')
  }
  try {
    const problems = await work(environment, lease, run, progress, stop.signal, log)
    await end(problems.length === 0 ? 'succeeded' : 'failed', problems.join('\n') || undefined)
    await leases.release(lease)
  } catch (thrown) {
    const error: unknown = stop.signal.aborted ? stop.signal.reason : thrown
    if (error instanceof LeaseLost) throw error
    if (error instanceof Stopped && error.why === 'draining') log.info('run is handed on')
    else if (error instanceof Stopped) await end('cancelled')
    else {
      if (!(error instanceof StoreError)) log.error({ err: error }, 'run failed')
      await end('failed', error instanceof Error ? error.message : String(error))
    }
    await leases.release(lease)
  } finally {
    draining.removeEventListener('abort', drain)
    over.abort()
    await beating
  }
}

async function work(
  environment: RunEnvironment,
  lease: Lease,
  run: Run,
  progress: ReturnType<typeof emptyProgress>,
  signal: AbortSignal,
  log: FastifyBaseLogger,
): Promise<readonly string[]> {
  const { database, leases, metrics, memory, slots, policy } = environment
  const { spec } = run
  signal.throwIfAborted()
  const uploads = createUploadMemory({
    ...{ database, leases, lease },
    ...{ jobId: run.jobId, runId: run.id, destinations: spec.destinations },
  })
  const results = await openResultLog(database, leases, lease, run.id)
  const stores = spec.destinations.map(text => openStore(environment.stores, text))
  try {
    const problems = await sync({
      ...{ spec, slots, progress, dryRun: run.dryRun },
      copy: {
        source: openStore(environment.stores, spec.source),
        destination(target) {
          const store = stores[target]
          if (store === undefined) throw new RangeError(`no destination ${target}`)
          return store
        },
        ...{ uploads, memory, policy, signal },
        onSent(target, bytes) {
          const counts = progress.destinations[target]
          if (counts !== undefined) counts.bytesSent += bytes
          metrics.bytesSent(spec.name, target, bytes)
        },
      },
      async record(result) {
        metrics.objectEnded(spec.name, result)
        await results.record(result)
      },
    })
    if (!run.dryRun) await dropStaleUploads(environment, uploads, signal, log)
    return problems
  } finally {
    await results.close()
  }
}

/** What interrupted copies left of objects that need none any more. Failing costs storage, not correctness. */
async function dropStaleUploads(
  { stores }: RunEnvironment,
  uploads: ReturnType<typeof createUploadMemory>,
  signal: AbortSignal,
  log: FastifyBaseLogger,
): Promise<void> {
  for (const { id, location, key, handle } of await uploads.stale()) {
    try {
      await openStore(stores, location).abortUpload({ key, handle }, signal)
      await uploads.drop(id)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      log.warn({ err: error, key, location }, 'an unfinished upload could not be removed')
    }
  }
}

function openStore(stores: Stores, text: string): Store {
  const location = parseLocation(text)
  if (location === undefined) throw new Error(`not a location: ${text}`)
  return stores.open(location)
}
