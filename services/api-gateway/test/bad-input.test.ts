import { eventually, rawRequest } from '@mlp/service-kit/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { startGateway, type TestGateway } from './gateway-fixture.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

const bodyLimitBytes = 100_000
let models: ModelServer
let gateway: TestGateway

beforeAll(async () => {
  models = await startModelServer()
  gateway = await startGateway({
    configuration: {
      upstreams: { main: { url: models.url, responseTimeoutMs: 5000 } },
      defaultUpstream: 'main',
      rateLimits: { client: { requestsPerSecond: 100_000, burst: 100_000 } },
    },
    settings: { BODY_LIMIT_BYTES: String(bodyLimitBytes), REQUEST_TIMEOUT_MS: '1500' },
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await models[Symbol.asyncDispose]()
})
afterEach(async () => {
  // Whatever was sent, the process lives.
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
})

const problemSchema = z.looseObject({ type: z.string(), title: z.string(), status: z.int() })

async function expectProblem(response: Response, status: number): Promise<void> {
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(problemSchema.parse(await response.json()).status).toBe(status)
}

const post = (body: RequestInit['body'], init: RequestInit = {}) =>
  gateway.request('/v2/models/iris/infer', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body ?? null,
    ...init,
  })

describe('bodies', () => {
  test('a body that says that it is too large: 413 before it is sent on', async () => {
    const asked = models.seen.length
    await expectProblem(await post('x'.repeat(bodyLimitBytes + 1)), 413)
    expect(models.seen).toHaveLength(asked)
  })

  test('a body that does not say how large it is: 413 once it is too large', async () => {
    let pieces = 0
    const endless = new ReadableStream({
      pull(controller) {
        pieces += 1
        controller.enqueue(new Uint8Array(16_384))
      },
    })
    await expectProblem(await post(endless, { duplex: 'half' }), 413)
    expect(pieces).toBeLessThan(1000)
  })

  test.each([
    ['nothing', ''],
    ['no JSON', '{"inputs": [{'],
    ['deep JSON', '['.repeat(40_000)],
    ['a number that is none', '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}'],
    ['another type', '{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1]}]}'],
    ['no text', Buffer.from([0xff, 0xfe, 0, 1])],
  ])("%s: the model server's own 400", async (_what, body) => {
    await expectProblem(await post(body), 400)
  })

  const head = (extra: string) =>
    `POST /v2/models/iris/infer HTTP/1.1\r\nhost: a\r\nx-api-key: ${gateway.key}\r\n${extra}\r\n\r\n`

  test('a body that breaks off: nobody is answered, the model server is not left waiting', async () => {
    let aborted = false
    models.behave = request => {
      request.on('error', () => {
        aborted = true
      })
      request.resume()
    }
    const { promise } = Promise.withResolvers<never>()
    const client = new AbortController()
    const asked = models.seen.length
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10))
      },
      pull: () => promise,
    })
    const answer = post(body, { duplex: 'half', signal: client.signal })
    await eventually('the model server to be asked', () => models.seen.length > asked)
    client.abort()
    await expect(answer).rejects.toThrow()
    await eventually('the model server to be told', () => aborted)
    models.behave = undefined
  })

  test('a body that does not come: 408', async () => {
    const response = await rawRequest(gateway.port, head('content-length: 10'), '{')
    expect(response).toMatch(/^HTTP\/1.1 408 [\s\S]*application\/problem\+json/)
  })

  test.each([
    ['a length and chunks', 'content-length: 5\r\ntransfer-encoding: chunked'],
    ['two lengths', 'content-length: 5\r\ncontent-length: 6'],
    ['a length that is none', 'content-length: -1'],
    ['chunks that are not last', 'transfer-encoding: chunked, gzip'],
  ])('%s, as request smuggling needs: 400, and nothing is sent on', async (_what, lines) => {
    const asked = models.seen.length
    const response = await rawRequest(gateway.port, head(lines), '0\r\n\r\nGET /v2 HTTP/1.1\r\n\r\n')
    expect(response).toMatch(/^HTTP\/1.1 400 [\s\S]*application\/problem\+json/)
    expect(models.seen).toHaveLength(asked)
  })
})

describe('addresses', () => {
  test.each([
    ['/v2/models/..%2f..%2fetc%2fpasswd', 400],
    ['/v2/models/%2e%2e', 400],
    ['/v2/models/%2e%2e/ready', 400],
    ['/v2/models/iris%00', 400],
    ['/v2/models/iris%0d%0ax-evil:%201', 400],
    ['/v2/models/iris%3fadmin=1', 400],
    ['/v2/models/ir%C3%AFs', 400],
    ['/v2/models/iris/versions/..%2f..%2fsecret', 400],
    [`/v2/models/${'x'.repeat(101)}`, 414],
    ['/v2/models//ready', 400],
    ['/v2/models/iris/versions/1/../../secret', 404],
    ['/v2/models/%zz', 400],
    ['//v2/models/iris', 404],
    ['/v2/repository/models/iris/load', 404],
  ])('%s: %i, and nothing is sent on', async (path, status) => {
    const asked = models.seen.length
    // fetch would tidy the path up.
    const response = await rawRequest(
      gateway.port,
      `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-api-key: ${gateway.key}\r\n\r\n`,
    )
    expect(response).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*application/problem\\+json`))
    expect(models.seen).toHaveLength(asked)
  })

  test('a query is not passed on', async () => {
    await gateway.request('/v2/models/iris?x=1')
    expect(models.seen.at(-1)?.path).toBe('/v2/models/iris')
  })

  test('another method: 405 with those that there are', async () => {
    const response = await gateway.request('/v2/models/iris/infer', { method: 'DELETE' })
    expect(response.headers.get('allow')).toBe('POST')
    await expectProblem(response, 405)
  })
})

describe('headers', () => {
  test('a flood: 431', async () => {
    const flood = Array.from({ length: 2000 }, (_, index) => `x-${index}: ${'y'.repeat(20)}\r\n`).join('')
    const response = await rawRequest(gateway.port, `GET /v2 HTTP/1.1\r\nhost: a\r\n${flood}\r\n`)
    expect(response).toMatch(/^HTTP\/1.1 431 [\s\S]*application\/problem\+json/)
  })

  test.each(['content-type: text/csv', 'content-encoding: gzip'])(
    '%s: passed on, for the model server to judge',
    async line => {
      const [name = '', value = ''] = line.split(': ')
      await post('{}', { headers: { [name]: value } })
      expect(models.seen.at(-1)?.headers[name]).toBe(value)
    },
  )

  test('a media type that is none: 415', async () => {
    await expectProblem(await post('{}', { headers: { 'content-type': 'nonsense' } }), 415)
  })

  test('expect: 100-continue', async () => {
    const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }] })
    const response = await rawRequest(
      gateway.port,
      `POST /v2/models/iris/infer HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\nx-api-key: ${gateway.key}\r\ncontent-length: ${body.length}\r\n\r\n`,
      body,
    )
    expect(response).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
  })

  test('an upgrade is not one', async () => {
    const response = await rawRequest(
      gateway.port,
      `GET /v2 HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nx-api-key: ${gateway.key}\r\n\r\n`,
    )
    expect(response).toMatch(/^HTTP\/1.1 200 /)
    expect(models.seen.at(-1)?.headers).not.toHaveProperty('upgrade')
  })
})
