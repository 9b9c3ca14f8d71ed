import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { eventually } from '@mlp/service-kit/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { readMetric, startGateway, type TestGateway } from './gateway-fixture.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

let models: ModelServer
let gateway: TestGateway

const configurationOf = (url: string, upstream: object = {}, model: object = {}) => ({
  upstreams: {
    main: {
      url,
      responseTimeoutMs: 500,
      idleTimeoutMs: 500,
      retries: 2,
      circuitBreaker: neverOpen,
      ...upstream,
    },
  },
  defaultUpstream: 'main',
  models: { iris: model },
})
const neverOpen = { minimumCalls: 1_000_000 }

beforeEach(async () => {
  models = await startModelServer()
})
afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  await models[Symbol.asyncDispose]()
})

async function start(upstream?: object, model?: object): Promise<void> {
  gateway = await startGateway({ configuration: configurationOf(models.url, upstream, model) })
}

async function typeOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return z.looseObject({ type: z.string() }).parse(await response.json()).type
}

describe('what an upstream may do wrong', () => {
  test('not listen: 503, after the tries are used up', async () => {
    await start()
    await models.close()
    const response = await gateway.infer([1])
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await typeOf(response)).toBe('urn:mlp:problem:upstream-unreachable')
    expect(await retries('unreachable')).toBe(2)
  })

  test('begin to listen while the gateway tries: the client notices nothing', async () => {
    await start({ retries: 5, responseTimeoutMs: 5000 })
    await models.close()
    const answer = gateway.infer([1, 2])
    await eventually('a first retry', async () => (await retries('unreachable')) > 0)
    models = await startModelServer(models.port)
    expect((await answer).status).toBe(200)
  })

  test('not answer: 504 in time', async () => {
    await start()
    models.behave = () => {}
    const startedAt = performance.now()
    const response = await gateway.infer([1])
    expect(response.status).toBe(504)
    expect(await typeOf(response)).toBe('urn:mlp:problem:upstream-timeout')
    expect(performance.now() - startedAt).toBeGreaterThan(490)
    expect(models.seen).toHaveLength(1)
  })

  test('accept connections and say nothing, as behind a dead load balancer: 504', async () => {
    const sockets: Socket[] = []
    const silent = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = z.object({ port: z.int() }).parse(silent.address())
    gateway = await startGateway({ configuration: configurationOf(`http://127.0.0.1:${port}`) })
    expect((await gateway.infer([1])).status).toBe(504)
    silent.close()
    for (const socket of sockets) socket.destroy()
  })

  test('hang up instead of answering an inference: 502, and it is not sent again', async () => {
    await start()
    models.behave = request => request.resume().on('end', () => request.socket.destroy())
    const response = await gateway.infer([1])
    expect(response.status).toBe(502)
    expect(await typeOf(response)).toBe('urn:mlp:problem:upstream-broken')
    expect(models.seen).toHaveLength(1)
  })

  test('answer with something that is not HTTP: 502', async () => {
    await start()
    models.behave = request => request.resume().on('end', () => request.socket.end('hello\r\n\r\n'))
    expect((await gateway.infer([1])).status).toBe(502)
  })

  test('break off in the middle of a response: the client is not left believing that it was all', async () => {
    await start()
    models.behave = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"half":')
      setTimeout(() => response.destroy(), 50)
    }
    const response = await gateway.request('/v2/models/iris')
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  test('stop in the middle of a response: the same, after the idle time', async () => {
    await start()
    models.behave = (_request, response) => {
      response.writeHead(200)
      response.write('{"half":')
    }
    const response = await gateway.request('/v2/models/iris')
    await expect(response.text()).rejects.toThrow()
  })
})

describe('trying again', () => {
  test('a question that changes nothing: until it is answered', async () => {
    await start()
    let requests = 0
    models.behave = (request, response) => {
      requests += 1
      if (requests === 1) request.socket.destroy()
      else if (requests === 2) response.writeHead(503).end()
      else response.writeHead(200).end('{}')
    }
    expect((await gateway.request('/v2/models/iris')).status).toBe(200)
    expect([await retries('broken'), await retries('status')]).toEqual([1, 1])
  })

  test('an inference, where the configuration says that it changes nothing', async () => {
    await start({}, { idempotentInference: true })
    const bodies: string[] = []
    models.behave = (request, response) => {
      let body = ''
      request.on('data', chunk => {
        body += chunk
      })
      request.on('end', () => {
        bodies.push(body)
        if (bodies.length === 1) request.socket.destroy()
        else response.writeHead(200).end('{}')
      })
    }
    expect((await gateway.infer([1, 2])).status).toBe(200)
    expect(bodies).toHaveLength(2)
    expect(bodies[1]).toBe(bodies[0])
  })

  test('not when the upstream says when to come back', async () => {
    await start()
    models.behave = (_request, response) => response.writeHead(503, { 'retry-after': '7' }).end('busy')
    const response = await gateway.request('/v2/models/iris')
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await response.text()).toBe('busy')
    expect(models.seen).toHaveLength(1)
  })

  test('not more than a share of the requests: an upstream in trouble is not flooded', async () => {
    await start()
    models.behave = (_request, response) => response.writeHead(502).end()
    for (let index = 0; index < 40; index += 1) await gateway.request('/v2/models/iris')
    // A reserve of 10, and a tenth of the requests.
    expect(await retries('status')).toBeLessThanOrEqual(14)
    expect(await retries('status')).toBeGreaterThanOrEqual(10)
  })
})

describe('the circuit', () => {
  test('opens, refuses at once, probes, and closes', async () => {
    const circuitBreaker = { failureRatio: 0.5, minimumCalls: 5, windowMs: 10_000, openMs: 300 }
    await start({ circuitBreaker, retries: 0 })
    models.behave = request => request.socket.destroy()
    for (let index = 0; index < 5; index += 1) await gateway.request('/v2/models/iris')
    const asked = models.seen.length
    const refused = await gateway.request('/v2/models/iris')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await typeOf(refused)).toBe('urn:mlp:problem:circuit-open')
    expect(models.seen).toHaveLength(asked)
    expect(readMetric(await gateway.metrics(), 'gateway_circuit_open{upstream="main"}')).toBe(1)
    models.behave = undefined
    await eventually('an answer', async () => (await gateway.request('/v2/models/iris')).status === 200)
    expect(readMetric(await gateway.metrics(), 'gateway_circuit_open{upstream="main"}')).toBe(0)
  })

  test('stays closed when the upstream says that it is busy, or that the client is wrong', async () => {
    await start({ circuitBreaker: { minimumCalls: 5 }, retries: 0 })
    models.behave = (request, response) =>
      response.writeHead(request.url?.endsWith('ready') ? 400 : 503).end()
    for (let index = 0; index < 20; index += 1) {
      await gateway.request(index % 2 === 0 ? '/v2/models/iris' : '/v2/models/iris/ready')
    }
    expect(models.seen).toHaveLength(20)
  })
})

describe('hedging', () => {
  test('is off: a slow answer is waited for', async () => {
    await start({}, { idempotentInference: true })
    models.behave = (_request, response) => setTimeout(() => response.writeHead(200).end('{}'), 200)
    expect((await gateway.infer([1])).status).toBe(200)
    expect(models.seen).toHaveLength(1)
  })

  test('asks a second time, takes the first answer, and gives the other up', async () => {
    await start({}, { idempotentInference: true, hedgeAfterMs: 50 })
    let requests = 0
    let givenUp = false
    models.behave = (request, response) => {
      requests += 1
      if (requests > 1) {
        response.writeHead(200).end('{"answer":"second"}')
        return
      }
      response.on('close', () => {
        givenUp = !response.writableFinished
      })
      request.resume()
    }
    const response = await gateway.infer([1])
    expect(await response.json()).toEqual({ answer: 'second' })
    await eventually('the first to be given up', () => givenUp)
    expect(readMetric(await gateway.metrics(), 'gateway_hedges_total{upstream="main"}')).toBe(1)
  })
})

describe('what a client may do', () => {
  test('go away: the upstream is told, and it is not the one to blame', async () => {
    await start({ circuitBreaker: { minimumCalls: 1, failureRatio: 0.01 } })
    let told = false
    models.behave = (request, response) => {
      request.resume()
      response.on('close', () => {
        told = true
      })
    }
    const client = new AbortController()
    const answer = gateway.request('/v2/models/iris', { signal: client.signal })
    await eventually('the upstream to be asked', () => models.seen.length > 0)
    client.abort()
    await expect(answer).rejects.toThrow()
    await eventually('the upstream to be told', () => told)
    models.behave = undefined
    expect((await gateway.request('/v2/models/iris')).status).toBe(200)
  })

  test('take a response slower than it comes: the upstream has to wait, memory does not grow', async () => {
    await start({ idleTimeoutMs: 20_000 })
    const largestBytes = 64 << 20
    let sentBytes = 0
    models.behave = (_request, response) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(64 << 10)
      const send = () => {
        while (sentBytes < largestBytes) {
          sentBytes += chunk.length
          if (!response.write(chunk)) {
            response.once('drain', send)
            return
          }
        }
        response.end()
      }
      send()
    }
    const socket = connect(gateway.port, '127.0.0.1')
    socket.write(`GET /v2/models/iris HTTP/1.1\r\nhost: a\r\nx-api-key: ${gateway.key}\r\n\r\n`)
    await eventually('the first bytes', () => sentBytes > 0)
    socket.pause()
    let before = -1
    await eventually('the upstream to wait', async () => {
      const stopped = sentBytes === before
      before = sentBytes
      await new Promise(resolve => setTimeout(resolve, 200))
      return stopped
    })
    // What fits into the buffers of four sockets.
    expect(sentBytes).toBeLessThan(largestBytes / 2)
    socket.resume()
    await eventually('the rest', () => sentBytes >= largestBytes)
    socket.destroy()
  })

  test('take nothing at all: it is cut off, and the upstream freed', async () => {
    await start({ idleTimeoutMs: 300 })
    let freed = false
    models.behave = (_request, response) => {
      response.on('close', () => {
        freed = true
      })
      response.writeHead(200)
      const chunk = Buffer.alloc(1 << 20)
      for (let index = 0; index < 64; index += 1) response.write(chunk)
    }
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write(`GET /v2/models/iris HTTP/1.1\r\nhost: a\r\nx-api-key: ${gateway.key}\r\n\r\n`)
    await eventually('the upstream to be freed', () => freed)
    socket.destroy()
  })
})

async function retries(reason: string): Promise<number> {
  return readMetric(await gateway.metrics(), `gateway_retries_total{upstream="main",reason="${reason}"}`)
}
