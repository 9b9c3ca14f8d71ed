/** How much a client may ask for: `requestsPerSecond` over time, up to `burst` at once. */
export interface RateLimit {
  readonly requestsPerSecond: number
  readonly burst: number
}

export interface RateDecision {
  readonly allowed: boolean
  /** Requests that would still be allowed at once. */
  readonly remaining: number
  /** Until the next request is allowed; 0 when this one was. */
  readonly retryAfterMs: number
  /** Until the whole burst is there again. */
  readonly resetMs: number
}

/** Sums of fractions of milliseconds since 1970 miss whole numbers by less than this. */
const toleranceMs = 0.01

/**
 * The generic cell rate algorithm: a token bucket whose whole state is one time, the one at which the bucket would be
 * full again (the theoretical arrival time of ITU-T I.371). `redis-limiter.ts` has the same in Lua.
 * @param fullAtMs the state, undefined at first; like `nowMs` in milliseconds of any clock
 */
export function takeOne(
  limit: RateLimit,
  fullAtMs: number | undefined,
  nowMs: number,
): { readonly decision: RateDecision; readonly fullAtMs: number } {
  const intervalMs = 1000 / limit.requestsPerSecond
  const before = Math.max(fullAtMs ?? nowMs, nowMs)
  const allowed = before + intervalMs - limit.burst * intervalMs <= nowMs + toleranceMs
  const after = allowed ? before + intervalMs : before
  return { decision: describeDecision(limit, allowed, after - nowMs), fullAtMs: after }
}

/** @param resetMs until the bucket is full again */
export function describeDecision(limit: RateLimit, allowed: boolean, resetMs: number): RateDecision {
  const intervalMs = 1000 / limit.requestsPerSecond
  return {
    allowed,
    remaining: Math.max(0, Math.floor(limit.burst - (resetMs - toleranceMs) / intervalMs)),
    retryAfterMs: allowed ? 0 : Math.max(0, resetMs + intervalMs - limit.burst * intervalMs),
    resetMs,
  }
}
