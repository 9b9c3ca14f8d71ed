import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GatewayMetrics } from '../metrics.ts'
import { type Attempt, ClientGoneError, ResponseDiscardedError, startAttempt } from './attempt.ts'
import type { Call } from './circuit-breaker.ts'
import { circuitOpenProblem, failureOf, isClientsFault, problemOf } from './failures.ts'
import type { Upstream } from './upstream.ts'

export interface Forwarding {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly upstream: Upstream
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly path: string
  readonly headers: string[]
  /** A stream is sent as it comes, and cannot be sent again; a buffer or nothing can. */
  readonly body: IncomingMessage | Buffer | null
  readonly bodyLimitBytes: number
  /** For the response's headers, all tries together. */
  readonly responseTimeoutMs: number
  /** The upstream may get the same request twice. */
  readonly idempotent: boolean
  readonly hedgeAfterMs: number | undefined
  readonly metrics: GatewayMetrics
}

/** Also these statuses are worth another try, unless the upstream says itself when to come back. */
const retriedStatuses = new Set([502, 503, 504])
/** Says nothing about whether the upstream works: it was a proxy behind it that failed. */
const failedStatuses = new Set([502, 504])
const firstDelayMs = 25

/**
 * Answers the client with the upstream's response, and returns its status when that has begun.
 *
 * A request is sent again only where that is safe: it never got a connection, or it is idempotent and can be
 * repeated; and only as far as the number of retries, the retry budget and the deadline allow.
 * @throws ProblemError when the client has not been answered
 */
export async function forward(forwarding: Forwarding): Promise<number> {
  const { upstream, metrics, request } = forwarding
  const deadlineMs = performance.now() + forwarding.responseTimeoutMs
  upstream.retries.requestSent()
  for (let retry = 0; ; retry += 1) {
    const mayRetry = retry < upstream.configuration.retries
    const round = createRound(forwarding, deadlineMs, mayRetry)
    try {
      return await round.run()
    } catch (error) {
      if (isClientsFault(error)) throw problemOf(error, upstream.name)
      const safe = !round.isSent || isRepeatable(forwarding)
      const delayMs = firstDelayMs * 2 ** retry * (0.5 + Math.random())
      const inTime = performance.now() + delayMs < deadlineMs
      if (!mayRetry || !safe || !inTime || !(round.hasRetry || upstream.retries.takeRetry())) {
        request.log.warn({ err: error, upstream: upstream.name, retry }, 'upstream failed')
        throw problemOf(error, upstream.name)
      }
      metrics.countRetry(upstream.name, failureOf(error))
      await delay(delayMs)
      if (forwarding.reply.raw.closed)
        throw problemOf(new ClientGoneError('the client went away'), upstream.name)
    }
  }
}

function isRepeatable({ idempotent, body }: Forwarding): boolean {
  return idempotent && (body === null || Buffer.isBuffer(body))
}

interface Round {
  readonly isSent: boolean
  /** A response was given up for a retry, which the budget has allowed. */
  readonly hasRetry: boolean
  run(): Promise<number>
}

/** One attempt, or two side by side where hedging is asked for; the first to answer wins. */
function createRound(forwarding: Forwarding, deadlineMs: number, mayRetry: boolean): Round {
  const { upstream, reply, metrics, hedgeAfterMs } = forwarding
  const attempts: Attempt[] = []
  let winner: number | undefined
  let hasRetry = false

  function attempt(call: Call): Promise<number> {
    const number = attempts.length
    const startedAt = performance.now()
    const started = startAttempt({
      dispatcher: upstream.pool,
      method: forwarding.method,
      path: forwarding.path,
      headers: forwarding.headers,
      body: forwarding.body,
      bodyLimitBytes: forwarding.bodyLimitBytes,
      responseTimeoutMs: Math.max(1, deadlineMs - startedAt),
      idleTimeoutMs: upstream.configuration.idleTimeoutMs,
      response: reply.raw,
      accept(status, headers) {
        metrics.observeUpstream(upstream.name, String(status), performance.now() - startedAt)
        if (failedStatuses.has(status)) call.failed()
        else call.succeeded()
        if (winner !== undefined) return false
        if (mayRetry && isRepeatable(forwarding) && isWorthRetry(status, headers) && !hasRetry) {
          hasRetry = upstream.retries.takeRetry()
          if (hasRetry) return false
        }
        winner = number
        for (const [index, other] of attempts.entries()) {
          if (index !== number) other.abort(new ResponseDiscardedError('another was faster'))
        }
        reply.hijack()
        return reply.getHeaders()
      },
    })
    attempts.push(started)
    started.answered.catch((error: unknown) => {
      if (error instanceof ResponseDiscardedError) {
        // Told in `accept`, unless it was discarded before it had a status.
        if (winner !== undefined) call.abandoned()
        return
      }
      if (isClientsFault(error)) {
        call.abandoned()
        return
      }
      metrics.observeUpstream(upstream.name, failureOf(error), performance.now() - startedAt)
      call.failed()
    })
    return started.answered
  }

  return {
    get isSent() {
      return attempts.some(({ isSent }) => isSent)
    },
    get hasRetry() {
      return hasRetry
    },
    async run() {
      const call = upstream.circuit.enter()
      if ('waitMs' in call) throw circuitOpenProblem(upstream.name, call.waitMs)
      const first = attempt(call)
      if (hedgeAfterMs === undefined || !isRepeatable(forwarding)) return first
      const answered = await Promise.race([first, delay(hedgeAfterMs, undefined, { ref: false })])
      if (answered !== undefined) return answered
      const hedge = upstream.circuit.enter()
      if ('waitMs' in hedge) return first
      if (!upstream.retries.takeRetry()) {
        hedge.abandoned()
        return first
      }
      metrics.countHedge(upstream.name)
      const second = attempt(hedge)
      // When both fail, the first says why.
      return Promise.any([first, second]).catch(() => first)
    },
  }
}

function isWorthRetry(status: number, headers: IncomingHttpHeaders): boolean {
  return retriedStatuses.has(status) && headers['retry-after'] === undefined
}
