/**
 * Calls that come while one is under way get its answer: steps that begin together ask for the same thing. All callers
 * are of one run, and pass its signal.
 */
export function sharedWhilePending<T>(
  ask: (signal: AbortSignal) => Promise<T>,
): (signal: AbortSignal) => Promise<T> {
  let pending: Promise<T> | undefined
  return signal => {
    pending ??= ask(signal).finally(() => {
      pending = undefined
    })
    return pending
  }
}
