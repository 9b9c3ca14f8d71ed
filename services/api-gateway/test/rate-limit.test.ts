import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '@mlp/service-kit/testing'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { createApiKey } from '../src/authentication/api-keys.ts'
import { createMemoryLimiter } from '../src/rate-limit/memory-limiter.ts'
import { openRedisLimiter } from '../src/rate-limit/redis-limiter.ts'
import { readMetric, startGateway, type TestGateway } from './gateway-fixture.ts'
import { startModelServer } from './model-server.ts'
import { findRedis, type RedisServer, startRedis } from './redis-server.ts'

const slow = { requestsPerSecond: 0.01, burst: 4 }

async function statuses(requests: number, ...gateways: readonly TestGateway[]): Promise<number[]> {
  const all: number[] = []
  for (let index = 0; index < requests; index += 1) {
    const gateway = gateways[index % gateways.length]
    if (gateway !== undefined) all.push((await gateway.request('/v2/models/iris')).status)
  }
  return all
}

test('each client has its own limit, and hears what is left of it', async () => {
  await using models = await startModelServer()
  const { key, id, sha256 } = createApiKey()
  await using gateway = await startGateway({
    configuration: {
      upstreams: { main: { url: models.url } },
      defaultUpstream: 'main',
      rateLimits: { client: slow },
    },
    clients: [
      {
        name: 'small',
        scopes: ['read:iris'],
        rateLimit: { requestsPerSecond: 0.5, burst: 1 },
        keys: [{ id, sha256 }],
      },
    ],
  })
  const first = await gateway.request('/v2/models/iris')
  expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=4;w=400')
  expect(first.headers.get('ratelimit')).toBe('"requests";r=3;t=100')
  expect(await statuses(4, gateway)).toEqual([200, 200, 200, 429])

  const small = () => gateway.request('/v2/models/iris', { headers: { 'x-api-key': key } })
  expect((await small()).status).toBe(200)
  const refused = await small()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(2)
  expect(await refused.json()).toMatchObject({ type: 'urn:mlp:problem:rate-limited', status: 429 })
  await eventually('the limit to let it through again', async () => (await small()).status === 200)
  expect(models.seen).toHaveLength(6)
})

const redisServer = await findRedis()
if (redisServer === undefined) {
  process.stderr.write('NOT TESTED: rate limits in Redis, because redis-server is not installed\n')
}

describe.runIf(redisServer !== undefined)('limits in Redis', () => {
  async function startWith(redis: RedisServer, models: { url: string }, more: Record<string, string> = {}) {
    const passwordFile = join(redis.caFile, '..', 'password')
    await writeFile(passwordFile, 'first\n', { mode: 0o600 })
    const gateway = await startGateway({
      configuration: {
        upstreams: { main: { url: models.url } },
        defaultUpstream: 'main',
        rateLimits: { client: slow },
      },
      settings: {
        REDIS_URL: redis.url,
        REDIS_CA_FILE: redis.caFile,
        REDIS_AUTHENTICATION: 'password',
        REDIS_USERNAME: 'gateway',
        REDIS_PASSWORD_FILE: passwordFile,
        ...more,
      },
    })
    await eventually('redis to decide', () => isDecidedByRedis(gateway))
    return gateway
  }
  const fallbacks = async (gateway: TestGateway) =>
    readMetric(await gateway.metrics(), 'gateway_rate_limit_fallbacks_total')

  const isDecidedByRedis = async (gateway: TestGateway) => {
    const before = await fallbacks(gateway)
    await gateway.request('/v2/models/iris')
    return (await fallbacks(gateway)) === before
  }

  test.each([{ mode: 'standalone' }, { mode: 'cluster' }])(
    '$mode: replicas share a limit, over TLS, as a user that may touch only its own keys',
    async ({ mode }) => {
      await using models = await startModelServer()
      await using redis = await startRedis({ cluster: mode === 'cluster' })
      await using one = await startWith(redis, models, { REDIS_MODE: mode })
      await using other = await startWith(redis, models, { REDIS_MODE: mode })
      await redis.command('flushall')
      expect(await statuses(8, one, other)).toEqual([200, 200, 200, 200, 429, 429, 429, 429])
      expect(await redis.command('keys', '*')).toMatch(/^api-gateway:rate:key:all$/)
      expect(Number(await redis.command('pttl', 'api-gateway:rate:key:all'))).toBeGreaterThan(300_000)
    },
  )

  test('when Redis goes away requests are answered all the same; when it comes back it decides again', async () => {
    await using models = await startModelServer()
    await using redis = await startRedis()
    await using gateway = await startWith(redis, models)
    await redis.stop()
    const before = await fallbacks(gateway)
    expect(new Set(await statuses(5, gateway))).toEqual(new Set([200, 429]))
    expect(await fallbacks(gateway)).toBe(before + 5)
    await using _again = await startRedis({ port: redis.port, certificateOf: redis })
    await eventually('redis to decide', () => isDecidedByRedis(gateway))
  })

  test('a server whose certificate is not known gets no password', async () => {
    await using models = await startModelServer()
    await using redis = await startRedis()
    await using stranger = await startRedis()
    await using gateway = await startGateway({
      configuration: { upstreams: { main: { url: models.url } }, defaultUpstream: 'main' },
      settings: { REDIS_URL: redis.url, REDIS_CA_FILE: stranger.caFile },
    })
    expect(await statuses(3, gateway)).toEqual([200, 200, 200])
    expect(await fallbacks(gateway)).toBe(3)
  })

  test('a login is renewed before it ends, on the open connection', async () => {
    await using redis = await startRedis()
    const passwords = ['first', 'second']
    let logins = 0
    const limiter = openRedisLimiter({
      url: redis.url,
      mode: 'standalone',
      ca: await readFile(redis.caFile, 'utf8'),
      login: async () => {
        logins += 1
        const password = passwords[Math.min(logins, passwords.length) - 1] ?? ''
        return { username: 'gateway', password, expiresAtMs: Date.now() + 1500 }
      },
      fallback: createMemoryLimiter(),
      log: pino({ level: 'silent' }),
      onFallback: () => {},
    })
    const authentications = async () =>
      Number(/cmdstat_auth:calls=(\d+)/.exec(await redis.command('info', 'commandstats'))?.[1] ?? 0)
    await eventually('a second login', async () => (await authentications()) >= 1 && logins >= 2)
    await redis.command('acl', 'setuser', 'gateway', '<first')
    await redis.command('flushall')
    const decisions = []
    for (let index = 0; index < 5; index += 1) decisions.push((await limiter.take('a', slow)).allowed)
    expect(decisions).toEqual([true, true, true, true, false])
    expect(await redis.command('acl', 'log')).toBe('')
    limiter.close()
  })
})
