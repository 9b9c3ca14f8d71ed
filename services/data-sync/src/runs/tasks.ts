import type { Semaphore } from '../semaphore.ts'

export interface Tasks {
  /** Aborted with the caller's, and when a task fails: then all stop. */
  readonly signal: AbortSignal
  /** Returns once the task has begun, so that whoever starts many waits for free slots. */
  start(task: (signal: AbortSignal) => Promise<void>): Promise<void>
  /** Waits for all; throws what the first one that failed threw. */
  finish(): Promise<void>
}

/** Work side by side, as much at once as there are slots. */
export function createTasks(slots: Semaphore, outer: AbortSignal): Tasks {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const underWay = new Set<Promise<void>>()
  return {
    signal,
    async start(task) {
      const release = await slots.acquire(1, signal)
      const running = task(signal)
        .catch(error => stop.abort(error))
        .finally(() => {
          release()
          underWay.delete(running)
        })
      underWay.add(running)
    },
    async finish() {
      await Promise.all(underWay)
      signal.throwIfAborted()
    },
  }
}
