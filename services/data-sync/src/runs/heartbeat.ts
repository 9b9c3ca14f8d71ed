import { setTimeout as delay } from 'node:timers/promises'
import { LeaseLost } from '../database/leases.ts'

export interface HeartbeatOptions {
  readonly everyMs: number
  /** How long the lease lasts without a beat. */
  readonly leaseTtlMs: number
  readonly signal: AbortSignal
  /** Renews the lease. */
  readonly beat: () => Promise<void>
  /** Called once, when the lease is lost or can't be kept: what is done under it must stop. */
  readonly onLost: (error: Error) => void
}

/** Of the lease's time, what may pass without a beat before this process must think that another one has it. */
const patience = 0.8

/**
 * Beats until the signal aborts. A database that fails or does not answer is asked again, until the lease is about to
 * end: from then on another replica may hold it.
 */
export async function keepBeating({
  everyMs,
  leaseTtlMs,
  signal,
  beat,
  onLost,
}: HeartbeatOptions): Promise<void> {
  let lastMs = performance.now()
  const pause = () => delay(everyMs, undefined, { signal }).catch(() => undefined)
  for (await pause(); !signal.aborted; await pause()) {
    const begunMs = performance.now()
    const leftMs = lastMs + leaseTtlMs * patience - begunMs
    try {
      await within(leftMs, beat())
      lastMs = begunMs
    } catch (error) {
      if (!(error instanceof LeaseLost) && performance.now() - begunMs < leftMs) continue
      onLost(error instanceof Error ? error : new Error(String(error)))
      return
    }
  }
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  const late = new AbortController()
  const timer = delay(Math.max(0, timeoutMs), undefined, { signal: late.signal }).then(() => {
    throw new Error('the database did not answer before the lease ran out')
  })
  try {
    await Promise.race([work, timer])
  } finally {
    timer.catch(() => undefined)
    late.abort()
  }
}
