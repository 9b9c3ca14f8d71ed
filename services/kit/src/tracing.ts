import {
  type Context,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { FastifyRequest } from 'fastify'
import type { RequestOutcome } from './logging.ts'
import type { SharedSettings } from './settings.ts'

export interface Tracing {
  readonly tracer: Tracer
  /** Whether spans are recorded and sent anywhere. */
  readonly isOn: boolean
  /** Sends what is still to be sent. */
  shutdown(): Promise<void>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Parent for spans that a handler starts: `tracer.startSpan(name, {}, request.traceContext)`. */
    traceContext: Context
  }
}

const propagator = new W3CTraceContextPropagator()
const readHeader = {
  keys: (headers: FastifyRequest['headers']) => Object.keys(headers),
  get: (headers: FastifyRequest['headers'], name: string) => headers[name],
}
const writeHeader = {
  set(headers: Record<string, string>, name: string, value: string) {
    headers[name] = value
  },
}

/**
 * Without an endpoint nothing is recorded: a trace that comes in is passed on as it is. The SDK is loaded only when
 * it is needed.
 */
export async function openTracing(
  service: { readonly name: string; readonly version: string },
  settings: Pick<SharedSettings, 'ENVIRONMENT' | 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_TRACES_SAMPLER_ARG'>,
): Promise<Tracing> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined)
    return { tracer: trace.getTracer(service.name), isOn: false, shutdown: async () => {} }
  const sdk = await import('@opentelemetry/sdk-trace')
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': service.name,
      'service.version': service.version,
      'deployment.environment.name': settings.ENVIRONMENT,
    }),
    sampler: new sdk.ParentBasedSampler({
      root: new sdk.TraceIdRatioBasedSampler(settings.OTEL_TRACES_SAMPLER_ARG),
    }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` }),
      }),
    ],
  })
  return {
    tracer: provider.getTracer(service.name, service.version),
    isOn: true,
    shutdown: () => provider.shutdown(),
  }
}

const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)

/** A server span for a request, child of the caller's; also sets `request.traceContext`. */
export function startRequestSpan(request: FastifyRequest, { tracer, isOn }: Tracing): Span {
  const parent =
    request.headers['traceparent'] === undefined
      ? ROOT_CONTEXT
      : propagator.extract(ROOT_CONTEXT, request.headers, readHeader)
  if (!isOn) {
    request.traceContext = parent
    return noSpan
  }
  const route = request.routeOptions.url
  const span = tracer.startSpan(
    route === undefined ? request.method : `${request.method} ${route}`,
    { kind: SpanKind.SERVER },
    parent,
  )
  request.traceContext = trace.setSpan(parent, span)
  if (span.isRecording()) {
    span.setAttributes({
      'http.request.method': request.method,
      'url.path': request.url.split('?', 1)[0] ?? '',
      'http.request.header.x-request-id': [request.id],
      ...(route === undefined ? {} : { 'http.route': route }),
    })
  }
  return span
}

export function endRequestSpan(span: Span, { statusCode }: RequestOutcome): void {
  if (!span.isRecording()) return
  span.setAttribute('http.response.status_code', statusCode)
  if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

/** The headers that make a call to another service part of this request: `x-request-id`, `traceparent`, `tracestate`. */
export function correlationHeaders(
  request: FastifyRequest,
  context: Context = request.traceContext,
): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': request.id }
  if (context !== ROOT_CONTEXT) propagator.inject(context, headers, writeHeader)
  return headers
}
