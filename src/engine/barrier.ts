/** What stands before the first change of a run, asked once by whichever step comes first. */
export interface Barrier {
  /** Whether a step may begin. */
  pass(): Promise<boolean>
  /** Aborted, with what refused as its reason, when none may. */
  readonly closed: AbortSignal
}

export function openBarrier(ask: (() => Promise<void>) | undefined): Barrier {
  const controller = new AbortController()
  let answer: Promise<boolean> | undefined
  return {
    closed: controller.signal,
    pass() {
      answer ??= Promise.resolve(ask?.()).then(
        () => true,
        (refusal: unknown) => {
          controller.abort(refusal)
          return false
        },
      )
      return answer
    },
  }
}
