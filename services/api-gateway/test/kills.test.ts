import { randomInt } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { eventually, type ServiceProcess, startProcess } from '@mlp/service-kit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import * as z from 'zod'
import { createApiKey } from '../src/authentication/api-keys.ts'

const main = (service: string) => fileURLToPath(new URL(`../../${service}/src/main.ts`, import.meta.url))
const { key, id, sha256 } = createApiKey()
const kills = Number(process.env['KILLS'] ?? 3)
const clients = 16
/** So long that answers are cut in the middle, and not only before they begin. */
const rows = 2_000
const flower = [5.1, 3.5, 1.4, 0.2]
const question = JSON.stringify({
  inputs: [
    {
      ...{ name: 'measurements', datatype: 'FP32', shape: [rows, 4] },
      data: Array.from({ length: rows }, () => flower).flat(),
    },
  ],
  outputs: [{ name: 'species' }],
})
const answerSchema = z.object({ outputs: z.tuple([z.object({ data: z.array(z.string()) })]) })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kills-'))
  const clientsFile = { clients: [{ name: 'all', scopes: ['infer:*'], keys: [{ id, sha256 }] }] }
  await writeFile(join(folder, 'keys.yaml'), stringify(clientsFile))
})
afterAll(() => rm(folder, { recursive: true }))

async function startServing(port: number): Promise<ServiceProcess> {
  const serving = await startProcess(main('model-serving'), {
    ...{ PORT: String(port), GRPC_PORT: '0', LOG_LEVEL: 'info' },
  })
  await eventually('the models', async () => (await fetch(`${serving.url}/ready`)).ok, 120_000)
  return serving
}

async function startGateway(port: number, serving: string): Promise<ServiceProcess> {
  const plenty = { requestsPerSecond: 1_000_000, burst: 1_000_000 }
  const configuration = {
    upstreams: { main: { url: serving, circuitBreaker: { openMs: 200 } } },
    defaultUpstream: 'main',
    rateLimits: { client: plenty, address: plenty },
  }
  await writeFile(join(folder, 'gateway.yaml'), stringify(configuration))
  return startProcess(main('api-gateway'), {
    PORT: String(port),
    CONFIG_FILE: join(folder, 'gateway.yaml'),
    API_KEYS_FILE: join(folder, 'keys.yaml'),
  })
}

/** What becomes of one request: right and whole, refused in the gateway's own words, or a connection that broke. */
async function ask(gateway: string): Promise<'answered' | 'refused' | 'broken'> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${gateway}/v2/models/iris/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': key },
      body: question,
    })
    text = await response.text()
  } catch {
    return 'broken'
  }
  if (response.status !== 200) {
    expect([502, 503, 504], text).toContain(response.status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    return 'refused'
  }
  const { outputs } = answerSchema.parse(JSON.parse(text))
  expect(outputs[0].data).toHaveLength(rows)
  expect(new Set(outputs[0].data)).toEqual(new Set(['setosa']))
  return 'answered'
}

/** Clients that ask without pause until they are stopped; counts what became of it. */
function askWithoutPause(gateway: string) {
  const counts = { answered: 0, refused: 0, broken: 0 }
  let stopped = false
  const asking = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!stopped) {
        const outcome = await ask(gateway)
        counts[outcome]++
        if (outcome !== 'answered') await delay(5)
      }
    }),
  )
  return {
    counts,
    async stop() {
      stopped = true
      await asking
    },
  }
}

test(`model-serving killed ${kills} times in mid-request: whole answers or problems, and the gateway lives`, async () => {
  const port = await freePort()
  let serving = await startServing(port)
  await using gateway = await startGateway(0, serving.url)
  const load = askWithoutPause(gateway.url)
  try {
    for (let kill = 0; kill < kills; kill++) {
      const before = load.counts.answered
      await eventually('answers', () => load.counts.answered > before + clients, 120_000)
      await delay(randomInt(50))
      serving.child.kill('SIGKILL')
      await serving.exited
      serving = await startServing(port)
    }
    const before = load.counts.answered
    await eventually('answers again', () => load.counts.answered > before + clients, 120_000)
  } finally {
    await load.stop()
    await serving[Symbol.asyncDispose]()
  }
  // What it was in the middle of, clients were told: none found a connection cut but for an answer that had begun.
  expect(load.counts.refused).toBeGreaterThan(0)
  expect(load.counts.broken).toBeLessThanOrEqual(kills * clients)
  expect(gateway.child.exitCode).toBeNull()
}, 300_000)

test(`the gateway killed ${kills} times in mid-request: no half answer looks like a whole one`, async () => {
  const port = await freePort()
  await using serving = await startServing(0)
  let gateway = await startGateway(port, serving.url)
  const load = askWithoutPause(gateway.url)
  try {
    for (let kill = 0; kill < kills; kill++) {
      const before = load.counts.answered
      await eventually('answers', () => load.counts.answered > before + clients, 120_000)
      await delay(randomInt(50))
      gateway.child.kill('SIGKILL')
      await gateway.exited
      gateway = await startGateway(port, serving.url)
    }
    const before = load.counts.answered
    await eventually('answers again', () => load.counts.answered > before + clients, 120_000)
  } finally {
    await load.stop()
    await gateway[Symbol.asyncDispose]()
  }
  expect(load.counts.broken).toBeGreaterThan(0)
  expect(load.counts.refused).toBe(0)
  // The model server is none the worse for clients that vanish.
  expect((await fetch(`${serving.url}/ready`)).status).toBe(200)
}, 300_000)

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = z.object({ port: z.int() }).parse(server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}
