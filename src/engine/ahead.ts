import { setTimeout as delay } from 'node:timers/promises'
import type { EngineContext, Step } from './step.ts'

export interface Asking {
  /** All tools that are asked with have been started, or nearly: what waits for nothing else may be done meanwhile. */
  readonly begun: Promise<unknown>
  /**
   * Ends what no step waited for, and waits for it: before the lease is given back, so that nothing of this run is at
   * work without it. Throws what is a bug in a step.
   */
  end(): Promise<void>
}

/** A tool that is only being downloaded holds nobody up. */
const beginningMs = 1_000

/** Lets the steps of a run begin to ask the world while its gates are asked. */
export function askAhead<Ctx extends EngineContext>(steps: readonly Step<Ctx>[], context: Ctx): Asking {
  const ending = new AbortController()
  const signal = AbortSignal.any([context.signal, ending.signal])
  const beginnings: Promise<void>[] = []
  const asking = Promise.all(
    steps.map(async step => {
      if (step.ahead === undefined) return
      const beginning = Promise.withResolvers<void>()
      beginnings.push(beginning.promise)
      const emit: Ctx['emit'] = event => {
        if (event.type === 'command-started') beginning.resolve()
        context.emit(event)
      }
      await step.ahead({ ...context, signal, emit }).finally(beginning.resolve)
    }),
  )
  // What is a bug in one of them is told at the end; it ends nothing in between.
  asking.catch(() => undefined)
  return {
    begun: Promise.race([Promise.all(beginnings), delay(beginningMs, undefined, { ref: false })]),
    async end() {
      ending.abort()
      await asking
    },
  }
}
