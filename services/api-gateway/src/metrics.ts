import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { CircuitState } from './upstream/circuit-breaker.ts'
import type { Failure } from './upstream/failures.ts'

/** Labels hold only names from the configuration: what clients send could be without end, or secret. */
export interface GatewayMetrics {
  /** @param outcome a status, or why there was none */
  observeUpstream(upstream: string, outcome: string, durationMs: number): void
  observeModel(model: string, version: string, status: number, durationMs: number): void
  countRetry(upstream: string, reason: Failure): void
  countHedge(upstream: string): void
  countRefused(reason: 'no-credentials' | 'key' | 'token' | 'scope' | 'rate-limit'): void
  countLimiterFallback(): void
  countReload(file: 'configuration' | 'keys', result: 'taken' | 'refused'): void
}

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export function createGatewayMetrics(
  registry: Registry,
  circuits: () => readonly { readonly name: string; readonly state: CircuitState }[],
): GatewayMetrics {
  const registers = [registry]
  const upstream = new Histogram({
    name: 'gateway_upstream_response_seconds',
    help: 'From the request to the headers of the response of an upstream, for each try.',
    labelNames: ['upstream', 'outcome'],
    buckets,
    registers,
  })
  const model = new Histogram({
    name: 'gateway_model_response_seconds',
    help: 'From the request to the headers of the response, for the models whose versions share requests.',
    labelNames: ['model', 'version', 'status'],
    buckets,
    registers,
  })
  const retries = new Counter({
    name: 'gateway_retries_total',
    help: 'Requests sent to an upstream again.',
    labelNames: ['upstream', 'reason'],
    registers,
  })
  const hedges = new Counter({
    name: 'gateway_hedges_total',
    help: 'Second requests sent because the first took long.',
    labelNames: ['upstream'],
    registers,
  })
  const refused = new Counter({
    name: 'gateway_refused_requests_total',
    help: 'Requests that did not get as far as an upstream.',
    labelNames: ['reason'],
    registers,
  })
  const fallbacks = new Counter({
    name: 'gateway_rate_limit_fallbacks_total',
    help: 'Rate limits decided without Redis because it did not answer.',
    registers,
  })
  const reloads = new Counter({
    name: 'gateway_reloads_total',
    help: 'Changed files, taken or refused because they are not valid.',
    labelNames: ['file', 'result'],
    registers,
  })
  new Gauge({
    name: 'gateway_circuit_open',
    help: '1 while an upstream is not asked because it fails too often, 0.5 while it is probed.',
    labelNames: ['upstream'],
    registers,
    collect() {
      this.reset()
      for (const { name, state } of circuits()) {
        this.set({ upstream: name }, state === 'open' ? 1 : state === 'half-open' ? 0.5 : 0)
      }
    },
  })
  const upstreamChildren = new Map<string, Histogram.Internal<string>>()
  return {
    observeUpstream(name, outcome, durationMs) {
      const key = `${name} ${outcome}`
      let child = upstreamChildren.get(key)
      if (child === undefined) {
        child = upstream.labels(name, outcome)
        upstreamChildren.set(key, child)
      }
      child.observe(durationMs / 1000)
    },
    observeModel: (name, version, status, durationMs) =>
      model.labels(name, version, String(status)).observe(durationMs / 1000),
    countRetry: (name, reason) => retries.labels(name, reason).inc(),
    countHedge: name => hedges.labels(name).inc(),
    countRefused: reason => refused.labels(reason).inc(),
    countLimiterFallback: () => fallbacks.inc(),
    countReload: (file, result) => reloads.labels(file, result).inc(),
  }
}
