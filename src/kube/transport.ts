import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterAccess, ClusterToken } from '../clouds/cloud.ts'
import { MlpError } from '../engine/errors.ts'
import { type ClusterLabel, systemErrorCode, unreachable } from './errors.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Path and query below the cluster's endpoint. */
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
  /** What the API server adds to an answer for people, such as the pods that a rule would refuse. */
  readonly warnings: readonly string[]
}

/** One cluster's HTTPS endpoint with a bearer token that is kept fresh. */
export interface Transport {
  /** Waits out what passes by itself; throws MlpError MLP4001 or MLP4002 when no answer comes. */
  send(request: HttpRequest): Promise<HttpAnswer>
  /** The lines of a streamed answer, until the server ends it or `signal` aborts. One attempt. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>
}

export interface TransportOptions {
  readonly label: ClusterLabel
  readonly access: Pick<ClusterAccess, 'endpoint' | 'certificateAuthorityPem'>
  readonly token: (signal: AbortSignal) => Promise<ClusterToken>
  readonly signal: AbortSignal
  readonly userAgent?: string | undefined
  /** How long what may pass by itself is waited for; default 20 s, enough for a control plane's restart. */
  readonly patienceMs?: number | undefined
}

const defaultPatienceMs = 20_000
const requestTimeoutMs = 30_000
const firstDelayMs = 200
const longestDelayMs = 3_000
const longestRetryAfterMs = 10_000
/** A token is renewed this long before it ends, so that it outlives the request it is sent with. */
const tokenReserveMs = 120_000

/**
 * Every request that mlp sends may be repeated: reads, reviews (which store nothing), server-side applies and
 * deletions by uid all end in the same world when they are carried out twice.
 */
const passingStatus = new Set([429, 502, 503, 504])
const passingCodes = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT'])
/** A handshake takes longer than to wait for an answer, and costs both sides more. */
const connectionsAtOnce = 2

export function openTransport(options: TransportOptions): Transport {
  const { access, label } = options
  const trust = { ca: access.certificateAuthorityPem, keepAlive: true }
  const connections = new Agent({ ...trust, maxSockets: connectionsAtOnce })
  // A stream keeps its connection for minutes, and must not keep the others waiting.
  const streams = new Agent(trust)
  const bearer = tokenCache(options)

  async function once(request: HttpRequest, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const headers = {
      accept: 'application/json',
      authorization: `Bearer ${await bearer.get()}`,
      ...(options.userAgent === undefined ? {} : { 'user-agent': options.userAgent }),
      ...(body === undefined
        ? {}
        : {
            'content-type': request.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
    }
    const url = new URL(request.path, access.endpoint)
    return await new Promise((resolve, reject) => {
      const sent = httpsRequest(url, { method: request.method, agent, headers, signal }, resolve)
      // What breaks after the answer has begun comes through the answer.
      sent.on('error', reject)
      sent.end(body)
    })
  }

  async function attempt(
    request: HttpRequest,
  ): Promise<HttpAnswer & { readonly retryAfterMs: number | undefined }> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(requestTimeoutMs)])
    try {
      const response = await once(request, connections, signal)
      const seconds = Number(response.headers['retry-after'])
      return {
        status: response.statusCode ?? 0,
        text: await text(response),
        warnings: warningsIn(response.headers.warning),
        retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
      }
    } catch (error) {
      // node:https says that it was aborted, not why.
      throw signal.aborted ? signal.reason : error
    }
  }

  /** A starting API server knows no roles yet and forbids everything, this question too. */
  async function isStarting(): Promise<boolean> {
    return (await attempt({ method: 'GET', path: '/readyz' })).status !== 200
  }

  return {
    async send(request) {
      const deadline = Date.now() + (options.patienceMs ?? defaultPatienceMs)
      let renewed = false
      for (let count = 1; ; count++) {
        let retryAfterMs: number | undefined
        try {
          const answer = await attempt(request)
          if (answer.status === 401 && !renewed) {
            renewed = true
            bearer.forget()
            continue
          }
          const passing =
            passingStatus.has(answer.status) ||
            (answer.status === 500 && answer.retryAfterMs !== undefined) ||
            (answer.status === 403 && (await isStarting()))
          if (!passing || Date.now() >= deadline) return answer
          retryAfterMs = answer.retryAfterMs
        } catch (error) {
          options.signal.throwIfAborted()
          if (!isPassing(error) || Date.now() >= deadline) throw explained(label, error)
        }
        await delay(pauseMs(count, retryAfterMs), undefined, { signal: options.signal })
      }
    },
    async *lines(path, signal) {
      const response = await once({ method: 'GET', path }, streams, AbortSignal.any([options.signal, signal]))
      let rest = ''
      for await (const chunk of response.setEncoding('utf8')) {
        const parts = `${rest}${chunk}`.split('\n')
        rest = parts.pop() ?? ''
        yield* parts.filter(line => line !== '')
      }
    },
  }
}

/** `299 - "text"`, one after another (RFC 7234, 5.5), with quotes and backslashes escaped. */
function warningsIn(header: string | undefined): readonly string[] {
  return [...(header ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
    text.replace(/\\(.)/g, '$1'),
  )
}

/** Exponential, half of it jitter; never shorter than what the server asks for, within reason. */
export function pauseMs(attempt: number, retryAfterMs: number | undefined): number {
  const longest = Math.min(firstDelayMs * 2 ** (attempt - 1), longestDelayMs)
  return Math.max(longest * (0.5 + Math.random() / 2), Math.min(retryAfterMs ?? 0, longestRetryAfterMs))
}

function isPassing(error: unknown): boolean {
  const code = systemErrorCode(error)
  return (
    (code !== undefined && passingCodes.has(code)) ||
    (error instanceof Error && error.name === 'TimeoutError')
  )
}

/** A token that cannot be had is the cloud's error, and told as such. */
function explained(label: ClusterLabel, error: unknown): MlpError {
  return error instanceof MlpError ? error : unreachable(label, error)
}

/** Requests that wait for a token at the same time get the same one. */
function tokenCache(options: Pick<TransportOptions, 'token' | 'signal'>) {
  let current: Promise<ClusterToken> | undefined
  const renew = (): Promise<ClusterToken> => {
    const renewed = options.token(options.signal)
    current = renewed
    renewed.catch(() => {
      if (current === renewed) current = undefined
    })
    return renewed
  }
  return {
    async get(): Promise<string> {
      const known = current
      const token = await (known ?? renew())
      if (Date.parse(token.expiresAt) - Date.now() >= tokenReserveMs) return token.token
      return (await (current === known || current === undefined ? renew() : current)).token
    },
    forget() {
      current = undefined
    },
  }
}
