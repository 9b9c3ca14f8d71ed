/**
 * Stops calls to something that mostly fails, so that callers hear at once what they would otherwise wait for, and
 * what fails can recover. (The libraries for it make other calls wait while one probes; here they are refused.)
 */
export interface CircuitBreaker {
  readonly state: CircuitState
  /** A call whose outcome has to be told once, or how many milliseconds not to call. */
  enter(): Call | { readonly waitMs: number }
}

export type CircuitState = 'closed' | 'open' | 'half-open'

export interface Call {
  succeeded(): void
  failed(): void
  /** It ended for a reason that says nothing about the other side, such as a client that went away. */
  abandoned(): void
}

export interface CircuitBreakerOptions {
  /** From which share of failures on, of the calls in the window, the circuit opens. */
  readonly failureRatio: number
  /** With fewer calls than this in the window it stays closed. */
  readonly minimumCalls: number
  readonly windowMs: number
  /** How long it stays open before one call may probe. */
  readonly openMs: number
}

const bucketsInWindow = 10

export function createCircuitBreaker(
  { failureRatio, minimumCalls, windowMs, openMs }: CircuitBreakerOptions,
  now: () => number = () => performance.now(),
): CircuitBreaker {
  let buckets: { readonly startedAt: number; calls: number; failures: number }[] = []
  let openUntil: number | undefined
  let probing = false

  function count(failures: 0 | 1): void {
    const at = now()
    let current = buckets.at(-1)
    if (current === undefined || at - current.startedAt >= windowMs / bucketsInWindow) {
      current = { startedAt: at, calls: 0, failures: 0 }
      buckets = [...buckets.filter(({ startedAt }) => at - startedAt < windowMs), current]
    }
    current.calls += 1
    current.failures += failures
  }

  function open(): void {
    openUntil = now() + openMs
    buckets = []
  }

  // Calls that were under way when the circuit opened say nothing new about it.
  const ordinaryCall: Call = {
    succeeded() {
      if (openUntil === undefined) count(0)
    },
    failed() {
      if (openUntil !== undefined) return
      count(1)
      const recent = buckets.filter(({ startedAt }) => now() - startedAt < windowMs)
      const calls = recent.reduce((sum, bucket) => sum + bucket.calls, 0)
      const failures = recent.reduce((sum, bucket) => sum + bucket.failures, 0)
      if (calls >= minimumCalls && failures / calls >= failureRatio) open()
    },
    abandoned() {},
  }
  const probe: Call = {
    succeeded() {
      probing = false
      openUntil = undefined
    },
    failed() {
      probing = false
      open()
    },
    abandoned() {
      probing = false
    },
  }

  return {
    get state() {
      if (openUntil === undefined) return 'closed'
      return now() < openUntil ? 'open' : 'half-open'
    },
    enter() {
      if (openUntil === undefined) return ordinaryCall
      const waitMs = openUntil - now()
      if (waitMs > 0) return { waitMs }
      if (probing) return { waitMs: openMs }
      probing = true
      return probe
    },
  }
}
