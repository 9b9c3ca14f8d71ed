import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { startGateway, type TestGateway } from './gateway-fixture.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

let models: ModelServer
let gateway: TestGateway

beforeEach(async () => {
  models = await startModelServer()
  gateway = await startGateway({
    configuration: {
      upstreams: { main: { url: models.url, responseTimeoutMs: 1000, retries: 1 } },
      defaultUpstream: 'main',
    },
  })
})
afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  await models[Symbol.asyncDispose]()
})

describe('the protocol', () => {
  test('an inference', async () => {
    const response = await gateway.infer([1, 2, 3.5])
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ model_name: 'iris', outputs: [{ data: [6.5] }] })
  })

  test.each([
    ['/v2/health/live', 200],
    ['/v2/health/ready', 200],
    ['/v2', 200],
    ['/v2/models/iris', 200],
    ['/v2/models/iris/ready', 200],
    ['/v2/models/iris/versions/2', 200],
    ['/v2/models/iris/versions/2/ready', 200],
    ['/v2/models/iris/versions/9/ready', 404],
    ['/v2/models/unknown', 404],
  ])('GET %s goes to the model server: %i', async (path, status) => {
    expect((await gateway.request(path)).status).toBe(status)
    expect(models.seen.map(request => request.path)).toEqual([path])
  })

  test('HEAD as GET, without a body', async () => {
    const response = await gateway.request('/v2/models/iris', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    expect(models.seen[0]?.method).toBe('HEAD')
  })
})

describe('headers', () => {
  test('credentials end here; who asks, the request id and the trace go on', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const response = await gateway.request('/v2/models/iris', {
      headers: {
        authorization: 'Basic c2VjcmV0',
        cookie: 'session=secret',
        'mlp-client': 'somebody-else',
        'x-forwarded-for': '1.2.3.4',
        'x-request-id': 'r-1',
        'x-own': 'kept',
        traceparent,
      },
    })
    expect(response.headers.get('x-request-id')).toBe('r-1')
    const { headers } = models.seen[0] ?? { headers: {} }
    expect(headers).toMatchObject({
      'mlp-client': 'key:all',
      'x-request-id': 'r-1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-own': 'kept',
      traceparent,
    })
    for (const name of ['authorization', 'cookie', 'x-api-key']) expect(headers).not.toHaveProperty(name)
  })

  test("of the response all but the connection's", async () => {
    models.behave = (_request, response) =>
      response
        .writeHead(200, {
          connection: 'close, x-hop',
          'x-hop': '1',
          'x-kept': '1',
          'set-cookie': ['a=1', 'b=2'],
        })
        .end('{}')
    const response = await gateway.request('/v2/models/iris')
    expect(response.headers.get('x-kept')).toBe('1')
    expect(response.headers.get('x-hop')).toBeNull()
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })
})

test('both bodies are streamed: an answer to the first piece comes before the second is sent', async () => {
  models.behave = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    request.on('data', chunk => response.write(chunk))
    request.on('end', () => response.end('end'))
  }
  const upload = new TransformStream<Uint8Array, Uint8Array>()
  const writer = upload.writable.getWriter()
  const answer = gateway.request('/v2/models/iris/infer', {
    method: 'POST',
    body: upload.readable,
    duplex: 'half',
  })
  await writer.write(Buffer.from('first'))
  const reader = z
    .instanceof(ReadableStream)
    .parse((await answer).body)
    .getReader()
  const next = async () => Buffer.from(z.instanceof(Uint8Array).parse((await reader.read()).value)).toString()
  expect(await next()).toBe('first')
  await writer.write(Buffer.from('second'))
  expect(await next()).toBe('second')
  await writer.close()
  expect(await next()).toBe('end')
})
