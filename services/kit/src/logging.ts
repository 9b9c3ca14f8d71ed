import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { LoggerOptions } from 'pino'
import { redactSecrets } from './redact-secrets.ts'
import type { SharedSettings } from './settings.ts'

/** JSON lines on standard output. Secrets that end up in a logged object all the same are replaced. */
export function loggerOptions(
  service: { readonly name: string; readonly version: string },
  settings: Pick<SharedSettings, 'LOG_LEVEL' | 'ENVIRONMENT'>,
): LoggerOptions {
  return {
    level: settings.LOG_LEVEL,
    base: { service: service.name, version: service.version, environment: settings.ENVIRONMENT },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }), log: redactSecrets },
    // Never a request's headers or query, nor what libraries hang onto their errors: either can hold a secret.
    serializers: {
      req: (request: FastifyRequest) => ({ method: request.method, path: pathOf(request) }),
      res: (reply: FastifyReply) => ({ statusCode: reply.statusCode }),
      err: describeError,
    },
  }
}

interface ErrorDescription {
  readonly type: string
  readonly message: string
  readonly code?: unknown
  readonly stack?: string | undefined
  readonly cause?: ErrorDescription
}

function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) }
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}

/** The name of a request's id in its lines. */
export const requestIdLabel = 'requestId'

/**
 * One line for each request once its response has ended; what probes and Prometheus ask only at level debug.
 * @param log the service's: the request's own need not exist for it
 * @param traceId of a trace that is recorded
 */
export function logRequest(
  log: FastifyBaseLogger,
  request: FastifyRequest,
  { statusCode, durationMs, aborted }: RequestOutcome,
  traceId: string | undefined,
): void {
  const level = request.routeOptions.config.quiet === true ? 'debug' : 'info'
  log[level](
    {
      [requestIdLabel]: request.id,
      ...(traceId === undefined ? {} : { traceId }),
      method: request.method,
      path: pathOf(request),
      route: request.routeOptions.url,
      statusCode,
      durationMs: Math.round(durationMs * 1000) / 1000,
      ...(aborted ? { aborted } : {}),
    },
    aborted ? 'request aborted' : 'request completed',
  )
}

/** How a request ended. */
export interface RequestOutcome {
  /** As sent; 499, as is the custom, when the client went away before it could be. */
  readonly statusCode: number
  readonly durationMs: number
  /** The client went away before it had the whole response. */
  readonly aborted: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its requests are logged at level debug only. */
    quiet?: boolean
  }
}

function pathOf(request: FastifyRequest): string {
  const end = request.url.indexOf('?')
  return end === -1 ? request.url : request.url.slice(0, end)
}
