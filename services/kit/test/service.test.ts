import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createService, type Service } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import { echoService, echoSettings } from './fixtures/echo-service.ts'
import { eventually, rawRequest } from './support.ts'

const json = { 'content-type': 'application/json' }
let missing: string | undefined
let service: Service
let url: string
let port: number

beforeAll(async () => {
  const settings = readSettings(echoSettings, { LOG_LEVEL: 'silent' })
  service = await createService(
    echoService(() => missing),
    settings,
  )
  url = await service.app.listen({ host: '127.0.0.1', port: 0 })
  port = Number(new URL(url).port)
})
afterAll(() => service.close())

const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  requestId: z.string().optional(),
})

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = problemSchema.parse(await response.json())
  expect(problem.status).toBe(response.status)
  return problem
}

describe('problems', () => {
  test.each([
    ['an address that does not exist', '/nothing', {}, 404],
    ['a parameter that is not valid', '/hello/B0B', {}, 400],
    ['a broken percent sign', '/hello/%zz', {}, 400],
    ['a query that is not valid', '/slow?ms=soon', {}, 400],
    ['a body that is not JSON', '/echo', { method: 'POST', headers: json, body: '{"text":' }, 400],
    ['no body', '/echo', { method: 'POST', headers: json }, 400],
    ['a body of the wrong shape', '/echo', { method: 'POST', headers: json, body: '{"text":1}' }, 400],
    ['prototype poisoning', '/echo', { method: 'POST', headers: json, body: '{"__proto__":{"a":1}}' }, 400],
    [
      'a body that is too large',
      '/echo',
      { method: 'POST', headers: json, body: `"${'x'.repeat(2000)}"` },
      413,
    ],
    [
      'a media type nobody reads',
      '/echo',
      { method: 'POST', headers: { 'content-type': 'text/csv' }, body: 'a' },
      415,
    ],
    ['a method that the address has not', '/hello/bob', { method: 'DELETE' }, 405],
    ['a bug', '/bug', {}, 500],
  ])('%s', async (_what, path, init: RequestInit, status) => {
    const response = await fetch(url + path, init)
    expect(response.status).toBe(status)
    const problem = await problemOf(response)
    expect(problem.requestId).toBe(response.headers.get('x-request-id'))
  })

  test('what is wrong with a request is named', async () => {
    const problem = await problemOf(await fetch(`${url}/hello/B0B`))
    expect(problem).toMatchObject({ type: 'urn:mlp:problem:invalid-request', errors: [{ at: '/name' }] })
  })

  test('who is answered and goes on sending is cut off', async () => {
    const head = 'POST /nothing HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n'
    const response = await rawRequest(port, head, '5\r\nhello\r\n')
    expect(response).toMatch(/^HTTP\/1.1 404 /)
  })

  test("a handler's own problem", async () => {
    const response = await fetch(`${url}/refused`)
    expect(response.headers.get('retry-after')).toBe('3')
    expect(await problemOf(response)).toMatchObject({
      type: 'urn:mlp:problem:slow-down',
      status: 429,
      limit: 5,
    })
  })

  test('a bug tells the client nothing of the inside', async () => {
    const text = await (await fetch(`${url}/bug`)).text()
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain('service.ts')
  })

  test('405 says which methods there are', async () => {
    const response = await fetch(`${url}/echo`, { method: 'PUT', body: '{}' })
    expect(response.headers.get('allow')).toBe('POST')
  })

  test.each([
    ['no HTTP at all', ['hello\r\n\r\n'], 400],
    ['a header flood', ['GET /health HTTP/1.1\r\nhost: a\r\n', `x: ${'y'.repeat(40_000)}\r\n\r\n`], 431],
    [
      'two lengths',
      ['POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
      400,
    ],
    ['headers that never end', ['GET /health HTTP/1.1\r\nhost: a\r\n'], 408],
    [
      'a body that never ends',
      ['POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'],
      408,
    ],
  ])('%s', async (_what, chunks, status) => {
    const [head = '', body = ''] = (await rawRequest(port, ...chunks)).split('\r\n\r\n')
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(head.toLowerCase()).toContain('content-type: application/problem+json')
    expect(problemSchema.parse(JSON.parse(body)).status).toBe(status)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })
})

describe('probes', () => {
  test('ready once nothing is missing, and saying what is', async () => {
    missing = 'no route to it'
    const response = await fetch(`${url}/ready`)
    expect(response.status).toBe(503)
    expect(await problemOf(response)).toMatchObject({ missing: { upstream: 'no route to it' } })
    expect((await fetch(`${url}/health`)).status).toBe(200)
    missing = undefined
    expect((await fetch(`${url}/ready`)).status).toBe(200)
  })
})

describe('metrics', () => {
  test('requests by route template, never by path', async () => {
    await fetch(`${url}/hello/metrics`)
    const metric = 'http_server_request_duration_seconds_count'
    const labels = 'http_request_method="GET",http_route="/hello/:name",http_response_status_code="200"'
    await eventually('the request in the metrics', async () =>
      (await metricsText()).includes(`${metric}{${labels}}`),
    )
    const text = await metricsText()
    expect(text).not.toContain('/hello/metrics')
    expect(text).toContain('nodejs_eventloop_lag_seconds')
    expect(text).toContain('service_info{service="echo",version="1.2.3"} 1')
  })

  test('a client that goes away is counted and leaves nothing behind', async () => {
    await expect(fetch(`${url}/slow?ms=2000`, { signal: AbortSignal.timeout(100) })).rejects.toThrow()
    await eventually('the aborted request in the metrics', async () =>
      /http_route="\/slow",http_response_status_code="499"/.test(await metricsText()),
    )
    expect(await metricsText()).toMatch(/^http_server_active_requests 1$/m)
  })

  const metricsText = async () => (await fetch(`${url}/metrics`)).text()
})

describe('correlation', () => {
  test('a request id and a trace are passed on as they came', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const headers = { 'x-request-id': 'order-17', traceparent: trace, tracestate: 'vendor=1' }
    const response = await fetch(`${url}/correlation`, { headers })
    expect(await response.json()).toEqual(headers)
    expect(response.headers.get('x-request-id')).toBe('order-17')
  })

  test.each(['a b', 'x'.repeat(200), '"}'])(
    'a request id that is not fit for logs is replaced: %s',
    async id => {
      const response = await fetch(`${url}/correlation`, { headers: { 'x-request-id': id } })
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    },
  )
})

describe('the API described', () => {
  test('OpenAPI 3.1 from the routes', async () => {
    const document = z
      .looseObject({ openapi: z.string(), paths: z.record(z.string(), z.looseObject({})) })
      .parse(await (await fetch(`${url}/openapi.json`)).json())
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/health', '/ready', '/hello/{name}', '/echo']),
    )
    expect(document).toMatchObject({
      info: { title: 'echo', version: '1.2.3' },
      paths: {
        '/hello/{name}': {
          get: {
            responses: {
              400: { content: { 'application/problem+json': { schema: { $ref: expect.any(String) } } } },
            },
          },
        },
      },
      components: { schemas: { Problem: { properties: { detail: { type: 'string' } } } } },
    })
  })

  test('the page to try it needs no other host', async () => {
    const page = await fetch(`${url}/docs`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'self'/)
    const html = await page.text()
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//)
    const links = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(
      ([, link = '']) => new URL(link, page.url),
    )
    expect(links.length).toBeGreaterThan(3)
    for (const link of links) expect((await fetch(link)).status, link.pathname).toBe(200)
  })
})

test('the page can be switched off; the document stays', async () => {
  const settings = readSettings(echoSettings, { LOG_LEVEL: 'silent', DOCS: 'off' })
  const plain = await createService(echoService(), settings)
  const address = await plain.app.listen({ host: '127.0.0.1', port: 0 })
  expect((await fetch(`${address}/docs`)).status).toBe(404)
  expect((await fetch(`${address}/openapi.json`)).status).toBe(200)
  await plain.close()
})
