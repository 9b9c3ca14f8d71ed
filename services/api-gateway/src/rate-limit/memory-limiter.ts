import { type RateDecision, type RateLimit, takeOne } from './gcra.ts'
import type { RateLimiter } from './limiter.ts'

/** Who has not asked for so long that the whole burst is there again need not be remembered. */
const sweepEveryMs = 10_000

export interface MemoryLimiter extends RateLimiter {
  take(key: string, limit: RateLimit): RateDecision
}

/** Counts in this process; with several replicas each allows the whole limit. */
export function createMemoryLimiter(now: () => number = () => performance.now()): MemoryLimiter {
  const fullAt = new Map<string, number>()
  let sweptAt = now()
  return {
    take(key, limit) {
      const at = now()
      if (at - sweptAt >= sweepEveryMs) {
        sweptAt = at
        for (const [known, fullAtMs] of fullAt) if (fullAtMs <= at) fullAt.delete(known)
      }
      const { decision, fullAtMs } = takeOne(limit, fullAt.get(key), at)
      fullAt.set(key, fullAtMs)
      return decision
    },
  }
}
