export interface Semaphore {
  /** Waits for its turn, first come, first served. Returns the way to give back. */
  acquire(weight: number, signal: AbortSignal): Promise<() => void>
  readonly inUse: number
  readonly total: number
}

/** At most `total` at once, in whatever unit: bytes of memory, objects, parts. Asking for more than all throws. */
export function createSemaphore(total: number): Semaphore {
  const waiting: { readonly weight: number; readonly go: () => void }[] = []
  let inUse = 0

  const letIn = (): void => {
    for (let next = waiting[0]; next !== undefined && inUse + next.weight <= total; next = waiting[0]) {
      waiting.shift()
      inUse += next.weight
      next.go()
    }
  }
  const releaser = (weight: number): (() => void) => {
    let held = true
    return () => {
      if (!held) return
      held = false
      inUse -= weight
      letIn()
    }
  }

  return {
    total,
    get inUse() {
      return inUse
    },
    async acquire(weight, signal) {
      if (weight > total) throw new RangeError(`${weight} of ${total} can never be had`)
      signal.throwIfAborted()
      if (waiting.length === 0 && inUse + weight <= total) {
        inUse += weight
        return releaser(weight)
      }
      const turn = Promise.withResolvers<void>()
      const entry = { weight, go: turn.resolve }
      const abort = (): void => {
        const index = waiting.indexOf(entry)
        if (index === -1) return
        waiting.splice(index, 1)
        turn.reject(signal.reason)
        // Who stood behind may fit where this one did not.
        letIn()
      }
      waiting.push(entry)
      signal.addEventListener('abort', abort, { once: true })
      try {
        await turn.promise
      } finally {
        signal.removeEventListener('abort', abort)
      }
      return releaser(weight)
    },
  }
}
