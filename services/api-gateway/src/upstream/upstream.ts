import { Pool } from 'undici'
import type { UpstreamConfiguration } from '../configuration.ts'
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts'
import { createRetryBudget, type RetryBudget } from './retry-budget.ts'

/** A server behind the gateway, with what is known of how it does. */
export interface Upstream {
  readonly name: string
  readonly configuration: UpstreamConfiguration
  readonly pool: Pool
  readonly circuit: CircuitBreaker
  readonly retries: RetryBudget
}

/** At most this share of requests is sent again. */
const retryRatio = 0.1

export function openUpstream(name: string, configuration: UpstreamConfiguration): Upstream {
  return {
    name,
    configuration,
    pool: new Pool(configuration.url, {
      connections: configuration.connections,
      connect: { timeout: configuration.connectTimeoutMs },
      // Unless the upstream says in `Keep-Alive` that it closes sooner. Node's default, of model servers too, is 5 s.
      keepAliveTimeout: 4000,
      // Requests of different clients must not wait for each other on one connection.
      pipelining: 1,
    }),
    circuit: createCircuitBreaker(configuration.circuitBreaker),
    retries: createRetryBudget(retryRatio),
  }
}
