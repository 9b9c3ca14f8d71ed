import { setTimeout as delay } from 'node:timers/promises'
import { LeaseLost, leaseOfJob } from '../database/leases.ts'
import { executeRun, type RunEnvironment } from './execute-run.ts'

export interface Worker {
  /** There may be work: looks at once instead of after the pause. */
  nudge(): void
  /** Resolves when the runs under way are handed on. */
  readonly stopped: Promise<void>
}

export interface WorkerOptions extends RunEnvironment {
  readonly pollMs: number
  readonly runsAtOnce: number
  readonly draining: AbortSignal
}

/** How many waiting jobs are looked at in one go. */
const mostCandidates = 100

/**
 * Takes runs that wait, and those that a dead replica left, and works on them. A job's lease makes sure that one
 * replica does, and that a job has one run at a time.
 */
export function startWorker(options: WorkerOptions): Worker {
  const { runs, leases, draining, log, metrics } = options
  const underWay = new Map<string, Promise<void>>()
  let wake = new AbortController()

  const work = async (jobId: string): Promise<void> => {
    const lease = await leases.acquire(leaseOfJob(jobId))
    if (lease === undefined) return
    const run = await runs.take(lease)
    if (run === undefined) {
      await leases.release(lease)
      return
    }
    const running = executeRun(options, lease, run, draining)
      .catch(error => {
        if (error instanceof LeaseLost) metrics.leaseLost()
        // Whatever it is, the run is still the database's: it is taken again once the lease has run out.
        log.error({ err: error, runId: run.id }, 'run was given up')
      })
      .finally(() => {
        underWay.delete(jobId)
        metrics.runsUnderWay(underWay.size)
        wake.abort()
      })
    underWay.set(jobId, running)
    metrics.runsUnderWay(underWay.size)
  }

  const loop = async (): Promise<void> => {
    while (!draining.aborted) {
      wake = new AbortController()
      try {
        if (underWay.size < options.runsAtOnce) {
          for (const jobId of await runs.jobsWithWork(mostCandidates)) {
            if (underWay.size >= options.runsAtOnce) break
            if (!underWay.has(jobId)) await work(jobId)
          }
        }
      } catch (error) {
        log.error({ err: error }, 'the database could not be asked for work')
      }
      const signal = AbortSignal.any([wake.signal, draining])
      await delay(options.pollMs, undefined, { signal }).catch(() => undefined)
    }
    await Promise.all(underWay.values())
  }

  return { nudge: () => wake.abort(), stopped: loop() }
}
