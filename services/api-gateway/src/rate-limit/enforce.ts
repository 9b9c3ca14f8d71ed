import { ProblemError } from '@mlp/service-kit/problem'
import type { FastifyReply } from 'fastify'
import type { RateDecision, RateLimit } from './gcra.ts'

/**
 * Says in the response what is left of a limit (draft-ietf-httpapi-ratelimit-headers), and refuses when nothing is.
 * @throws ProblemError 429 with `Retry-After`
 */
export function enforceDecision(limit: RateLimit, decision: RateDecision, reply?: FastifyReply): void {
  const resetSeconds = Math.ceil(decision.resetMs / 1000)
  const policy = `"requests";q=${limit.burst};w=${Math.ceil(limit.burst / limit.requestsPerSecond)}`
  const headers = {
    'ratelimit-policy': policy,
    ratelimit: `"requests";r=${decision.remaining};t=${resetSeconds}`,
  }
  if (decision.allowed) {
    reply?.headers(headers)
    return
  }
  throw new ProblemError({
    status: 429,
    kind: 'rate-limited',
    title: 'Too many requests',
    detail: `${limit.requestsPerSecond} a second are allowed, and ${limit.burst} at once.`,
    headers: { ...headers, 'retry-after': String(Math.max(1, Math.ceil(decision.retryAfterMs / 1000))) },
  })
}
