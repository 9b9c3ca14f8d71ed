import { isIP } from 'node:net'
import { getCACertificates } from 'node:tls'
import { createClient, createCluster, defineScript } from '@redis/client'
import type { FastifyBaseLogger } from 'fastify'
import * as z from 'zod'
import { describeDecision, type RateLimit } from './gcra.ts'
import type { RateLimiter } from './limiter.ts'
import type { MemoryLimiter } from './memory-limiter.ts'
import { type Login, streamLogins } from './redis-credentials.ts'

export interface RedisLimiterOptions {
  /** `rediss://host:port`, or `redis://` on this machine. */
  readonly url: string
  readonly mode: 'standalone' | 'cluster'
  /** PEM of further certificate authorities, beside the system's. */
  readonly ca: string | undefined
  readonly login: (() => Promise<Login>) | undefined
  /** Decides while Redis does not answer. */
  readonly fallback: MemoryLimiter
  readonly log: FastifyBaseLogger
  /** Called for each request that Redis did not decide. */
  onFallback(): void
}

export interface RedisLimiter extends RateLimiter {
  close(): void
}

const connectAgainMs = 5_000
/** The user of phase 1's ElastiCache may touch only keys that begin with the service's name. */
const keyPrefix = 'api-gateway:rate:'
/** A limit must not cost more than it protects from. */
const answerWithinMs = 100

/** As `takeOne`, by Redis' clock, in one step, so that replicas cannot both take the last one. */
const takeScript = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `
local interval = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local before = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local allowed = before + interval - burst * interval <= now + 0.01
local after = before
if allowed then
  after = before + interval
  redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil(after - now) + 1)
end
return { allowed and 1 or 0, string.format('%.3f', after - now) }
`,
  parseCommand(parser, key: string, limit: RateLimit) {
    parser.pushKey(key)
    parser.push(String(1000 / limit.requestsPerSecond), String(limit.burst))
  },
  transformReply: (reply: unknown) => reply,
})

const scriptReplySchema = z.tuple([z.literal([0, 1]), z.coerce.number<string>()])

/** Counts for all replicas together; while Redis is not to be had, each counts for itself. */
export function openRedisLimiter(options: RedisLimiterOptions): RedisLimiter {
  const { client, close } = connect(options)
  let answering = true
  return {
    async take(key, limit) {
      try {
        const reply = await within(answerWithinMs, client.take(keyPrefix + key, limit))
        const [allowed, resetMs] = scriptReplySchema.parse(reply)
        if (!answering) options.log.info('redis decides rate limits again')
        answering = true
        return describeDecision(limit, allowed === 1, resetMs)
      } catch (error) {
        if (answering) options.log.warn({ err: error }, 'redis does not answer: rate limits are per replica')
        answering = false
        options.onFallback()
        return options.fallback.take(key, limit)
      }
    },
    close,
  }
}

function connect({ url, mode, ca, login, log }: RedisLimiterOptions) {
  const { hostname, port, protocol } = new URL(url)
  const reconnectStrategy = (retries: number) =>
    Math.min(100 * 2 ** retries, 5000) * (0.5 + Math.random() / 2)
  const shared = { connectTimeout: 2000, reconnectStrategy }
  const connection = {
    socket:
      protocol === 'rediss:'
        ? {
            ...shared,
            tls: true as const,
            ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
            ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
          }
        : shared,
    // Waiting in a queue for a connection would hold up requests instead of deciding without Redis.
    disableOfflineQueue: true,
    ...(login === undefined ? {} : { credentialsProvider: streamLogins(login, log) }),
  }
  const at = { host: hostname, port: Number(port === '' ? '6379' : port) }
  const scripts = { take: takeScript }
  const client =
    mode === 'cluster'
      ? createCluster({ rootNodes: [{ socket: at }], defaults: connection, scripts })
      : createClient({ ...connection, socket: { ...connection.socket, ...at }, scripts })
  let lastProblem = ''
  client.on('error', (error: unknown) => {
    // It comes with every attempt to connect.
    if (String(error) !== lastProblem) log.warn({ err: error }, 'redis connection')
    lastProblem = String(error)
  })
  // A cluster's client gives up when the first look at it fails, which a slow start of the pod's identity is enough for.
  let again: NodeJS.Timeout | undefined
  const open = (): void => {
    client.connect().catch((error: unknown) => {
      log.warn({ err: error }, 'redis cannot be reached yet')
      if (mode === 'cluster') again = setTimeout(open, connectAgainMs).unref()
    })
  }
  open()
  const close = (): void => {
    clearTimeout(again)
    client.destroy()
  }
  return { client, close }
}

async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
