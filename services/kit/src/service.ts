import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Registry } from 'prom-client'
import type { ServiceApp } from './app.ts'
import { logLines } from './log-lines.ts'
import { loggerOptions, logRequest, type RequestOutcome, requestIdLabel } from './logging.ts'
import { watchMethods } from './method-not-allowed.ts'
import { createHttpMetrics } from './metrics.ts'
import { type ApiDescription, addOpenApi } from './openapi.ts'
import { addProbes, type ReadinessCheck } from './probes.ts'
import {
  addProblemHandlers,
  answerWithProblem,
  createClientErrorHandler,
  rememberResponse,
} from './problem-handlers.ts'
import { RequestLog } from './request-log.ts'
import type { SharedSettings } from './settings.ts'
import { endRequestSpan, openTracing, startRequestSpan, type Tracing } from './tracing.ts'
import { compileValidator } from './validation.ts'

/** What a service is, apart from its settings. */
export interface ServiceDefinition<Settings extends SharedSettings> {
  /** Kebab-case: `api-gateway`. */
  readonly name: string
  readonly version: string
  readonly api: Omit<ApiDescription, 'title' | 'version'>
  http?(settings: Settings): Partial<HttpLimits>
  /** Adds the service's routes. What it opens it closes in an `onClose` hook. */
  build(service: ServiceParts<Settings>): Promise<void> | void
}

export interface HttpLimits {
  /** Of a body that a content type parser reads whole. */
  readonly bodyLimitBytes: number
  /** All of a request's headers together. */
  readonly headerLimitBytes: number
  readonly headersTimeoutMs: number
  /** For a whole request, its body included, to arrive; 0 is no limit. */
  readonly requestTimeoutMs: number
  /** Longer than the idle timeout of the load balancer in front, which must be the one to close. */
  readonly keepAliveTimeoutMs: number
  /** How many proxies in front are believed in `x-forwarded-for`. */
  readonly trustedProxyHops: number
}

const defaultLimits: HttpLimits = {
  bodyLimitBytes: 1 << 20,
  headerLimitBytes: 16 << 10,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  trustedProxyHops: 0,
}

/** What a service is built from. */
export interface ServiceParts<Settings extends SharedSettings = SharedSettings> {
  readonly app: ServiceApp
  readonly settings: Settings
  readonly log: FastifyBaseLogger
  readonly metrics: Registry
  readonly tracing: Tracing
  /** Aborts when the service is told to stop: the moment to end streams that would not end by themselves. */
  readonly draining: AbortSignal
  /** What `/ready` asks. */
  addReadinessCheck(check: ReadinessCheck): void
}

export interface Service {
  readonly app: ServiceApp
  readonly log: FastifyBaseLogger
  /** `/ready` answers 503 from now on; everything else goes on. */
  startDraining(): void
  /** Stops accepting, waits for requests in flight, closes what the service opened, sends the last spans. */
  close(): Promise<void>
}

/** Builds a service that does not listen yet. */
export async function createService<Settings extends SharedSettings>(
  definition: ServiceDefinition<Settings>,
  settings: Settings,
): Promise<Service> {
  const limits = { ...defaultLimits, ...definition.http?.(settings) }
  const metrics = createHttpMetrics(definition)
  const tracing = await openTracing(definition, settings)
  const drain = new AbortController()
  const readiness: ReadinessCheck[] = []
  // A line that nobody will see would be put together all the same.
  const logsRequests = ['trace', 'debug', 'info'].includes(settings.LOG_LEVEL)

  /** Counts, traces and logs a request, whatever becomes of it. */
  function begin(request: FastifyRequest, reply: FastifyReply): void {
    // Whoever streams the body elsewhere may take the socket off the request.
    const { socket } = request.raw
    rememberResponse(socket, reply)
    metrics.requestStarted()
    const span = startRequestSpan(request, tracing)
    const traceId = span.isRecording() ? span.spanContext().traceId : undefined
    if (traceId !== undefined) {
      request.log = request.log.child({ traceId })
      reply.log = request.log
    }
    reply.header('x-request-id', request.id)
    if (drain.signal.aborted) reply.header('connection', 'close')
    // Not Fastify's `onResponse`, which does not run when the client goes away first.
    reply.raw.once('close', () => {
      const outcome: RequestOutcome = {
        statusCode: reply.raw.headersSent ? reply.raw.statusCode : 499,
        durationMs: reply.elapsedTime,
        aborted: !reply.raw.writableFinished,
      }
      metrics.requestEnded(request, outcome)
      endRequestSpan(span, outcome)
      if (logsRequests) logRequest(app.log, request, outcome, traceId)
      if (!request.raw.complete) closeUnlessRead(request.raw, socket)
      // Its connection may be kept alive, which would keep a closing server from closing.
      if (!app.server.listening) setImmediate(() => app.server.closeIdleConnections())
    })
  }

  const app: ServiceApp = Fastify({
    logger: { ...loggerOptions(definition, settings), stream: logLines() },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: requestIdLabel }),
    childLoggerFactory: (logger, bindings, options) => new RequestLog(logger, bindings, options),
    genReqId: request => acceptedRequestId(request.headers['x-request-id']) ?? randomUUID(),
    requestIdHeader: false,
    // What a service waits for at its start (a database, a cloud's credentials) may take a while; its startup probe decides.
    pluginTimeout: 0,
    bodyLimit: limits.bodyLimitBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    trustProxy: limits.trustedProxyHops > 0 ? (_address, hop) => hop < limits.trustedProxyHops : false,
    // While it closes, what still comes on open connections is answered, and told to come back on another.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      maxHeaderSize: limits.headerLimitBytes,
      headersTimeout: limits.headersTimeoutMs,
      // Node looks every 30 s for connections that are too slow, which makes the limits above mean little.
      connectionsCheckingInterval: 1000,
    },
    // Addresses that the router cannot read do not get as far as the hooks.
    frameworkErrors(error, request, reply) {
      begin(request, reply)
      answerWithProblem(error, request, reply)
    },
    clientErrorHandler: createClientErrorHandler(metrics.countMalformed),
  }).withTypeProvider<ZodTypeProvider>()

  app.setValidatorCompiler(compileValidator)
  // Responses are checked by the compiler and by tests, not at run time.
  app.setSerializerCompiler(() => data => JSON.stringify(data))
  addProblemHandlers(app)
  app.decorateRequest('traceContext')
  app.addHook('onRequest', (request, reply, done) => {
    begin(request, reply)
    done()
  })
  const methods = watchMethods(app)
  await addOpenApi(
    app,
    { ...definition.api, title: definition.name, version: definition.version },
    settings.DOCS,
  )
  addProbes(app, { readiness, isDraining: () => drain.signal.aborted, registry: metrics.registry })
  await app.register(async scope => {
    await definition.build({
      app: scope.withTypeProvider<ZodTypeProvider>(),
      settings,
      log: app.log,
      metrics: metrics.registry,
      tracing,
      draining: drain.signal,
      addReadinessCheck: check => readiness.push(check),
    })
  })
  methods.finish()
  app.addHook('onClose', () => tracing.shutdown())
  await app.ready()

  return {
    app,
    log: app.log,
    startDraining: () => drain.abort(),
    async close() {
      drain.abort()
      await app.close()
    },
  }
}

/**
 * Whoever was answered before the whole body was read may go on sending, without end. It is read for a moment, since
 * closing at once could destroy the answer on its way, and then cut off.
 */
function closeUnlessRead(request: IncomingMessage, socket: Socket): void {
  setTimeout(() => {
    if (!request.complete) socket.destroy()
  }, lingerMs).unref()
}

const lingerMs = 1000

/** A caller's own id is taken over when it can be written into logs and headers as it is. */
function acceptedRequestId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined
}
