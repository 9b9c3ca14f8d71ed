import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { eventually, startProcess } from './support.ts'

const echo = fileURLToPath(new URL('fixtures/echo-service.ts', import.meta.url))

test('SIGTERM: not ready first, then requests in flight are finished, then exit 0', async () => {
  await using service = await startProcess(echo, { DRAIN_DELAY_MS: '2000' })
  const inFlight = fetch(`${service.url}/slow?ms=5000`)
  await eventually('the slow request', async () =>
    /^http_server_active_requests 2$/m.test(await (await fetch(`${service.url}/metrics`)).text()),
  )
  service.child.kill('SIGTERM')
  await eventually('/ready to say no', async () => (await fetch(`${service.url}/ready`)).status === 503)
  const accepted = await fetch(`${service.url}/hello/late`)
  expect(accepted.status).toBe(200)
  expect(accepted.headers.get('connection')).toBe('close')
  await eventually('new connections to be refused', () =>
    fetch(`${service.url}/health`).then(
      () => false,
      () => true,
    ),
  )
  const response = await inFlight
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ waitedMs: 5000 })
  const answeredAt = performance.now()
  expect(await service.exited).toBe(0)
  // Its connection was kept alive; that must not keep the process.
  expect(performance.now() - answeredAt).toBeLessThan(2000)
  expect(service.lines.map(line => line.msg)).toEqual(expect.arrayContaining(['draining', 'drained']))
})

test('SIGTERM: at the deadline what is in flight is cut off, and the exit code says so', async () => {
  await using service = await startProcess(echo, { DRAIN_TIMEOUT_MS: '300' })
  const inFlight = fetch(`${service.url}/slow?ms=9000`).then(
    () => 'answered',
    () => 'cut off',
  )
  await eventually('the slow request', async () =>
    /^http_server_active_requests 2$/m.test(await (await fetch(`${service.url}/metrics`)).text()),
  )
  service.child.kill('SIGTERM')
  expect(await service.exited).toBe(1)
  expect(await inFlight).toBe('cut off')
})

test('settings that are not valid: each mistake in words, exit 2, no stack', async () => {
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>(
    resolve => {
      execFile(
        process.execPath,
        [echo],
        { env: { PATH: process.env.PATH, PORT: 'no', LARGEST: '500' } },
        (error, out, err) => resolve({ code: error?.code, stdout: out, stderr: err }),
      )
    },
  )
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('  - PORT: expected a whole number\n')
  expect(stderr).toContain('  - LARGEST: ')
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('a port in use: one line, exit 1', async () => {
  await using first = await startProcess(echo, {})
  await expect(startProcess(echo, { PORT: new URL(first.url).port })).rejects.toThrow(
    /ended with 1 before it listened: echo: listen EADDRINUSE[^\n]*\n$/,
  )
})

test('the log is JSON, one line a request, and holds no secret', async () => {
  await using service = await startProcess(echo, { LOG_LEVEL: 'DEBUG' })
  const secret = 'hunter2'
  await fetch(`${service.url}/log-secrets?key=${secret}`, {
    headers: {
      authorization: `Bearer ${secret}`,
      'x-api-key': secret,
      cookie: secret,
      'x-request-id': 'r-1',
    },
  })
  await fetch(`${service.url}/health`)
  await eventually(
    'both lines',
    () => service.lines.filter(line => line.msg === 'request completed').length === 2,
  )
  const [request, probe] = service.lines.filter(line => line.msg === 'request completed')
  expect(request).toMatchObject({
    level: 'info',
    service: 'echo',
    requestId: 'r-1',
    method: 'GET',
    path: '/log-secrets',
    route: '/log-secrets',
    statusCode: 200,
    durationMs: expect.any(Number),
  })
  expect(probe).toMatchObject({ level: 'debug', path: '/health' })
  expect(JSON.stringify(service.lines)).not.toContain(secret)
})

test('with an endpoint, spans are sent to it, and calls become part of the trace', async () => {
  const received: { path: string | undefined; body: Buffer }[] = []
  await using collector = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    received.push({ path: request.url, body: Buffer.concat(chunks) })
    response.end()
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const { port } = collector.address() as AddressInfo
  await using service = await startProcess(echo, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const parent = 'b7ad6b7169203331'
  const response = await fetch(`${service.url}/correlation`, {
    headers: { traceparent: `00-${traceId}-${parent}-01`, 'x-request-id': 'r-2' },
  })
  const { traceparent } = (await response.json()) as { traceparent: string }
  expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  expect(traceparent).not.toContain(parent)

  service.child.kill('SIGTERM')
  expect(await service.exited).toBe(0)
  expect(received.map(({ path }) => path)).toEqual(['/v1/traces'])
  const span = received[0]?.body ?? Buffer.alloc(0)
  expect(span.includes(Buffer.from(traceId, 'hex'))).toBe(true)
  expect(span.includes('GET /correlation')).toBe(true)
  expect(service.lines.find(line => line.requestId === 'r-2')).toMatchObject({ traceId })
})
