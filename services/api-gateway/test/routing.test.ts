import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfiguration } from '../src/configuration.ts'
import { modelList } from '../src/open-inference.ts'
import { readMetric, startGateway, type TestGateway } from './gateway-fixture.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

let stable: ModelServer
let canary: ModelServer
let gateway: TestGateway

const configurationOf = (model: object) => ({
  upstreams: { stable: { url: stable.url }, canary: { url: canary.url } },
  defaultUpstream: 'stable',
  models: { iris: model },
})
const split = (first: number, second: number, more: object = {}) =>
  configurationOf({
    versions: [
      { version: '1', weight: first },
      { version: '2', weight: second, upstream: 'canary' },
    ],
    ...more,
  })

beforeEach(async () => {
  stable = await startModelServer()
  canary = await startModelServer()
  gateway = await startGateway({ configuration: split(50, 50, { stickyBy: { header: 'x-user' } }) })
})
afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  await stable[Symbol.asyncDispose]()
  await canary[Symbol.asyncDispose]()
})

const versionOf = async (user: string) =>
  (await gateway.infer([1], { headers: { 'x-user': user } })).headers.get('mlp-model-version')

describe('weighted versions', () => {
  test('a user stays with a version; users spread over both', async () => {
    const users = Array.from({ length: 30 }, (_, index) => `user-${index}`)
    const first = await Promise.all(users.map(versionOf))
    expect(await Promise.all(users.map(versionOf))).toEqual(first)
    expect(new Set(first)).toEqual(new Set(['1', '2']))
    const paths = (server: ModelServer) => new Set(server.seen.map(({ path }) => path))
    expect(paths(stable)).toEqual(new Set(['/v2/models/iris/versions/1/infer']))
    expect(paths(canary)).toEqual(new Set(['/v2/models/iris/versions/2/infer']))
  })

  test('without the header any version; with `client` the same for all of its requests', async () => {
    const versions = async () => {
      const answers = await Promise.all(Array.from({ length: 30 }, () => gateway.infer([1])))
      return new Set(answers.map(({ headers }) => headers.get('mlp-model-version')))
    }
    expect((await versions()).size).toBe(2)
    await gateway.reconfigure(split(50, 50))
    expect((await versions()).size).toBe(1)
  })

  test('who names a version gets it', async () => {
    await gateway.reconfigure(split(100, 0))
    const response = await gateway.infer([1], { path: '/v2/models/iris/versions/2/infer' })
    expect(response.headers.get('mlp-model-version')).toBe('2')
    expect(canary.seen).toHaveLength(1)
  })

  test('each version has its figures', async () => {
    await gateway.infer([1], { headers: { 'x-user': 'a' } })
    const version = await versionOf('a')
    const series = `gateway_model_response_seconds_count{model="iris",version="${version}",status="200"}`
    expect(readMetric(await gateway.metrics(), series)).toBe(2)
  })
})

test('the list has each version from where requests for it go', async () => {
  const response = await gateway.request('/v1/models')
  const { models } = modelList.parse(await response.json())
  expect(models).toEqual([
    {
      name: 'iris',
      versions: [
        { version: '1', state: 'READY', reason: '' },
        { version: '2', state: 'UNAVAILABLE', reason: 'its file is missing' },
      ],
    },
    { name: 'secret', versions: [{ version: '1', state: 'READY', reason: '' }] },
  ])
})

test('no request is lost while the configuration changes again and again', async () => {
  const slow: ModelServer['behave'] = (request, response) => {
    request.resume().on('end', () => setTimeout(() => response.writeHead(200).end('{}'), 20))
  }
  stable.behave = slow
  canary.behave = slow
  const statuses = new Map<number, number>()
  let finished = false
  const client = async () => {
    while (!finished) {
      const { status } = await gateway.infer([1])
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const operator = async () => {
    for (let change = 1; change <= 8; change += 1) {
      // Other numbers of connections: the upstreams are opened anew each time.
      const upstreams = {
        stable: { url: stable.url, connections: change, responseTimeoutMs: 1000 },
        canary: { url: canary.url, connections: change, responseTimeoutMs: 1000 },
      }
      await gateway.reconfigure({ ...split(100 - change, change), upstreams })
    }
    finished = true
  }
  await Promise.all([client(), client(), client(), client(), operator()])
  expect([...statuses.keys()]).toEqual([200])
  expect(statuses.get(200)).toBeGreaterThan(8)
})

describe('a configuration with mistakes', () => {
  const upstreams = { main: { url: 'http://127.0.0.1:1' } }
  test.each([
    ['nothing at all', '', ['expected object']],
    ['broken YAML', 'upstreams: { main: [', [/ {2}- gateway\.yaml:1: .+/]],
    ['an unknown member', { upstreams, defaultUpstream: 'main', modles: {} }, ['modles']],
    [
      'an upstream that is not there',
      { upstreams, defaultUpstream: 'other' },
      ['no upstream is named other'],
    ],
    [
      'an upstream with a path',
      { upstreams: { main: { url: 'http://a/b' } }, defaultUpstream: 'main' },
      ['upstreams.main.url', 'without a path'],
    ],
    [
      'weights that are all 0, and a name that is none',
      {
        upstreams,
        defaultUpstream: 'main',
        models: { '../x': {}, iris: { versions: [{ version: '1', weight: 0 }] } },
      },
      ['models.../x'],
    ],
    [
      'hedging of what is not idempotent',
      { upstreams, defaultUpstream: 'main', models: { iris: { hedgeAfterMs: 10 } } },
      ['models.iris.hedgeAfterMs', 'idempotentInference'],
    ],
    [
      'keys over plain HTTP',
      {
        upstreams,
        defaultUpstream: 'main',
        jwt: [{ issuer: 'a', audience: 'b', jwksUrl: 'http://issuer.example/jwks' }],
      },
      ['jwt.0.jwksUrl', 'https'],
    ],
  ])('%s', (_what, configuration, expected) => {
    const text = typeof configuration === 'string' ? configuration : JSON.stringify(configuration)
    for (const part of expected) expect(() => parseConfiguration(text, 'gateway.yaml')).toThrow(part)
  })
})
