import type { FastifyRequest } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { RequestOutcome } from './logging.ts'

export interface HttpMetrics {
  readonly registry: Registry
  /** A request that never became one: not HTTP, too large, too slow. */
  countMalformed(status: number): void
  requestStarted(): void
  requestEnded(request: FastifyRequest, outcome: RequestOutcome): void
}

/**
 * Rate, errors and duration of requests by route template, under the names of OpenTelemetry's semantic conventions
 * (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), and Node's own metrics.
 */
export function createHttpMetrics(service: { readonly name: string; readonly version: string }): HttpMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'service_info',
    help: 'Always 1; says which version runs.',
    labelNames: ['service', 'version'],
    registers: [registry],
  }).set({ service: service.name, version: service.version }, 1)
  const duration = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'From the request line read to the response sent, in seconds.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  const active = new Gauge({
    name: 'http_server_active_requests',
    help: 'Requests that are being answered.',
    registers: [registry],
  })
  const malformed = new Counter({
    name: 'http_server_malformed_requests_total',
    help: 'Connections closed because what came was not HTTP, too large or too slow.',
    labelNames: ['http_response_status_code'],
    registers: [registry],
  })

  // Hashing labels anew for each request costs more than the histogram itself.
  const children = new Map<string, Histogram.Internal<string>>()
  return {
    registry,
    countMalformed: status => malformed.inc({ http_response_status_code: status }),
    requestStarted: () => active.inc(),
    requestEnded(request, { statusCode, durationMs }) {
      active.dec()
      const route = request.routeOptions.url ?? '(none)'
      const key = `${request.method} ${statusCode} ${route}`
      let child = children.get(key)
      if (child === undefined) {
        child = duration.labels(request.method, route, String(statusCode))
        children.set(key, child)
      }
      child.observe(durationMs / 1000)
    },
  }
}
