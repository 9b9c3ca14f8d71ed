import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../database/runs.ts'
import { runJson } from './schemas.ts'

export interface ProgressOptions {
  readonly read: () => Promise<Run | undefined>
  readonly everyMs: number
  /** Ends the stream: the service stops. The client comes back, to another replica. */
  readonly draining: AbortSignal
}

/** So that what is between us and the client does not take the connection for dead. */
const keepAliveMs = 15_000

/**
 * A run as server-sent events: `progress` with the run whenever it changed, `end` with it once it is over. Read from
 * the database, so that every replica can tell of every run.
 */
export async function* progressEvents({ read, everyMs, draining }: ProgressOptions): AsyncGenerator<string> {
  let told = ''
  let toldAtMs = performance.now()
  for (let run = await read(); run !== undefined && !draining.aborted; run = await read()) {
    const data = JSON.stringify(runJson(run))
    const over = run.finishedMs !== undefined
    if (data !== told) {
      yield `event: ${over ? 'end' : 'progress'}\ndata: ${data}\n\n`
      told = data
      toldAtMs = performance.now()
    } else if (performance.now() - toldAtMs > keepAliveMs) {
      yield ': still here\n\n'
      toldAtMs = performance.now()
    }
    if (over) return
    await delay(everyMs, undefined, { signal: draining }).catch(() => undefined)
  }
}
