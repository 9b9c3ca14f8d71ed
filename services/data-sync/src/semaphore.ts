export interface Semaphore {
  /** Waits for its turn: lowest ticket first, and of the same the one who came first. Returns the way to give back. */
  acquire(weight: number, signal: AbortSignal, ticket?: number): Promise<() => void>
  /** A place behind all who drew one before, for who has to acquire several times; without one each time is the last. */
  draw(): number
  readonly inUse: number
  readonly total: number
}

/** At most `total` at once, in whatever unit: bytes of memory, objects, parts. Asking for more than all throws. */
export function createSemaphore(total: number): Semaphore {
  const waiting: { readonly weight: number; readonly ticket: number; readonly go: () => void }[] = []
  let inUse = 0
  let drawn = 0

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
    draw: () => ++drawn,
    async acquire(weight, signal, ticket = ++drawn) {
      if (weight > total) throw new RangeError(`${weight} of ${total} can never be had`)
      signal.throwIfAborted()
      if (waiting.length === 0 && inUse + weight <= total) {
        inUse += weight
        return releaser(weight)
      }
      const turn = Promise.withResolvers<void>()
      const entry = { weight, ticket, go: turn.resolve }
      const abort = (): void => {
        const index = waiting.indexOf(entry)
        if (index === -1) return
        waiting.splice(index, 1)
        turn.reject(signal.reason)
        // Who stood behind may fit where this one did not.
        letIn()
      }
      const ahead = waiting.findLastIndex(other => other.ticket <= ticket)
      waiting.splice(ahead + 1, 0, entry)
      // It may fit where the one that it went past does not.
      letIn()
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
