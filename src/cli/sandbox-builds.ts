import { setTimeout as delay } from 'node:timers/promises'
import type { Emit } from '../engine/events.ts'
import { sandboxStatus } from './sandbox-client.ts'

const pollMs = 2_000

/**
 * Tells what the sandbox builds while a run waits for its clusters: on a machine that has never run mlp that takes
 * minutes, and terraform says only "still creating".
 */
export function tellSandboxBuilds(home: string, emit: Emit): AsyncDisposable {
  const ending = new AbortController()
  const telling = tellUntil(home, emit, ending.signal)
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await telling
    },
  }
}

async function tellUntil(home: string, emit: Emit, signal: AbortSignal): Promise<void> {
  let told: readonly string[] = []
  try {
    for (;;) {
      await delay(pollMs, undefined, { signal })
      const status = await sandboxStatus(home)
      if (status === undefined || status === 'other code' || signal.aborted) return
      for (const { name, message } of status.building) emit({ type: 'tool-progress', tool: name, message })
      const building = status.building.map(({ name }) => name)
      for (const tool of told.filter(name => !building.includes(name)))
        emit({ type: 'tool-progress', tool, message: 'built', fraction: 1 })
      told = building
    }
  } catch {
    // It only tells: a sandbox that does not answer is reported by whoever needs it.
  }
}
