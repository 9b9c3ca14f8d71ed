import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from '../authentication/client.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { enforceDecision } from './enforce.ts'
import type { RateLimit } from './gcra.ts'
import type { RateLimiter } from './limiter.ts'
import type { MemoryLimiter } from './memory-limiter.ts'

export interface ClientLimits {
  /** @throws ProblemError 429 */
  takeForClient(client: Client, reply: FastifyReply): void | Promise<void>
  /** For those who are not known: always counted in this process. @throws ProblemError 429 */
  takeForAddress(request: FastifyRequest): void
}

export interface ClientLimitsOptions {
  /** As they are now; they change with the configuration. */
  readonly limits: () => { readonly client: RateLimit; readonly address: RateLimit }
  readonly shared: RateLimiter
  readonly local: MemoryLimiter
  readonly metrics: GatewayMetrics
}

export function createClientLimits({ limits, shared, local, metrics }: ClientLimitsOptions): ClientLimits {
  const enforce: typeof enforceDecision = (limit, decision, reply) => {
    if (!decision.allowed) metrics.countRefused('rate-limit')
    enforceDecision(limit, decision, reply)
  }
  return {
    takeForClient(client, reply) {
      const limit = client.rateLimit ?? limits().client
      const decision = shared.take(client.id, limit)
      if (!(decision instanceof Promise)) return enforce(limit, decision, reply)
      return decision.then(decided => enforce(limit, decided, reply))
    },
    takeForAddress(request) {
      const limit = limits().address
      enforce(limit, local.take(`address:${request.ip}`, limit))
    },
  }
}
