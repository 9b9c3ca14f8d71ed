import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from './stores/store-error.ts'

export interface RetryPolicy {
  readonly attempts: number
  /** Of one attempt. A store that does not answer is unavailable. */
  readonly attemptTimeoutMs: number
  /** The first pause is random up to this; each next one up to twice as long. */
  readonly firstDelayMs: number
  readonly longestDelayMs: number
  readonly onRetry?: (error: StoreError) => void
}

/**
 * Tries again what a store calls passing (throttling, 5xx, lost connections) and what came damaged, with full jitter,
 * so that many copies do not return at once. The SDKs' own retries are off: they can't repeat a broken body, and two
 * layers of retries multiply.
 */
export async function retry<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await withTimeout(policy.attemptTimeoutMs, signal, attempt)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StoreError) || !isPassing(error) || tried >= policy.attempts) throw error
      policy.onRetry?.(error)
      const longest = Math.min(policy.longestDelayMs, policy.firstDelayMs * 2 ** (tried - 1))
      const asked = Math.min(error.retryAfterMs ?? 0, policy.longestDelayMs)
      await delay(asked + Math.random() * longest, undefined, { signal })
    }
  }
}

function isPassing(error: StoreError): boolean {
  return error.kind === 'throttled' || error.kind === 'unavailable' || error.kind === 'corrupt'
}

async function withTimeout<T>(
  timeoutMs: number,
  outer: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted()
  const controller = new AbortController()
  const abort = (): void => controller.abort(outer.reason)
  // Made only when it is late: an error takes a stack with it, and most attempts are not.
  let late: StoreError | undefined
  const timer = setTimeout(() => {
    late = new StoreError('unavailable', `no answer within ${timeoutMs} ms`)
    controller.abort(late)
  }, timeoutMs)
  outer.addEventListener('abort', abort, { once: true })
  try {
    return await attempt(controller.signal)
  } catch (error) {
    throw late !== undefined && controller.signal.reason === late ? late : error
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', abort)
  }
}
