import type { FastifyRequest } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { CountedHistogram, type Observations } from './counted-histogram.ts'
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
  const duration = new CountedHistogram({
    name: 'http_server_request_duration_seconds',
    help: 'From the request line read to the response sent, in seconds.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  let active = 0
  new Gauge({
    name: 'http_server_active_requests',
    help: 'Requests that are being answered.',
    registers: [registry],
    collect() {
      this.set(active)
    },
  })
  const malformed = new Counter({
    name: 'http_server_malformed_requests_total',
    help: 'Connections closed because what came was not HTTP, too large or too slow.',
    labelNames: ['http_response_status_code'],
    registers: [registry],
  })

  // By route, then by method and status.
  const children = new Map<string, Map<string, Observations>>()
  const childOf = (method: string, route: string, status: number): Observations => {
    const ofRoute = children.get(route) ?? new Map<string, Observations>()
    children.set(route, ofRoute)
    const key = `${method} ${status}`
    let child = ofRoute.get(key)
    if (child === undefined) {
      child = duration.child({
        http_request_method: method,
        http_route: route,
        http_response_status_code: String(status),
      })
      ofRoute.set(key, child)
    }
    return child
  }
  return {
    registry,
    countMalformed: status => malformed.inc({ http_response_status_code: status }),
    requestStarted() {
      active++
    },
    requestEnded(request, { statusCode, durationMs }) {
      active--
      childOf(request.method, request.routeOptions.url ?? '(none)', statusCode).observe(durationMs / 1000)
    },
  }
}
