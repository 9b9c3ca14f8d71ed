/** Steps go through side by side, until one of them asks to be alone. */
export interface Turnstile {
  /** Waits while another step is alone. A step that is at work goes through at once. */
  enter(step: string): Promise<void>
  leave(step: string): void
  /** For a step that is at work: the others end theirs first, and none begins before `work` has ended. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

export function createTurnstile(): Turnstile {
  const atWork = new Set<string>()
  let closed: PromiseWithResolvers<void> | undefined
  let quiet: PromiseWithResolvers<void> | undefined

  return {
    async enter(step) {
      while (closed !== undefined && !atWork.has(step)) await closed.promise
      atWork.add(step)
    },
    leave(step) {
      atWork.delete(step)
      if (atWork.size <= 1) quiet?.resolve()
    },
    async alone(work) {
      if (closed !== undefined) throw new Error('another step is alone already')
      closed = Promise.withResolvers()
      try {
        quiet = Promise.withResolvers()
        if (atWork.size > 1) await quiet.promise
        return await work()
      } finally {
        quiet = undefined
        closed.resolve()
        closed = undefined
      }
    },
  }
}
