import type { RateDecision, RateLimit } from './gcra.ts'

/** Counts requests of whoever `key` names. */
export interface RateLimiter {
  /** Takes one request from the limit, if there is one left. */
  take(key: string, limit: RateLimit): RateDecision | Promise<RateDecision>
}
