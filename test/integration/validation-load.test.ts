import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../../services/api-gateway/test/gateway-fixture.ts'
import { type ModelServer, startModelServer } from '../../services/api-gateway/test/model-server.ts'
import type { EventBody } from '../../src/engine/events.ts'
import { atLeast } from '../../src/phases/7-validation/load/chance.ts'
import { quantileMs, readHistogram, since } from '../../src/phases/7-validation/load/histogram.ts'
import { cannotMeasure, watchMachine } from '../../src/phases/7-validation/load/machine.ts'
import { objectivesIn } from '../../src/phases/7-validation/load/objectives.ts'
import { loadPage } from '../../src/phases/7-validation/load/page.ts'
import { limitIn, planLoad, profiles } from '../../src/phases/7-validation/load/plan.ts'
import { digitsQuestion, irisQuestion } from '../../src/phases/7-validation/samples.ts'
import { type K6Options, parseSummary, runK6 } from '../../src/tools/k6.ts'
import { program } from '../support/programs.ts'

/* The real k6 with the real scripts, at the real gateway, before a model server that takes a known time. */

const templates = fileURLToPath(new URL('../../templates', import.meta.url))
const scriptOf = (profile: string) => join(templates, 'load', `${profile}.js`)
/** Each answer takes from 100 ms to a second, evenly spread on a logarithmic scale, in a fixed order. */
const delayOf = (request: number) => 100 * 10 ** (((request * 61) % 97) / 97)
const result = JSON.stringify({ model_name: 'iris', model_version: '1', outputs: [{ name: 'x', data: [1] }] })

let k6: string
let folder: string
let models: ModelServer
let gateway: TestGateway
const events: EventBody[] = []

beforeAll(async () => {
  // It may have to be built first, which takes minutes.
  k6 = await program('k6')
  folder = await mkdtemp(join(tmpdir(), 'mlp-load-'))
  models = await startModelServer()
  gateway = await startGateway({
    configuration: {
      upstreams: { models: { url: models.url, retries: 0 } },
      defaultUpstream: 'models',
      rateLimits: { client: { requestsPerSecond: 1000, burst: 2000 } },
    },
  })
}, 900_000)
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await models?.[Symbol.asyncDispose]()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

function options(changed: Partial<K6Options> = {}): K6Options {
  return {
    binary: k6,
    script: scriptOf('smoke'),
    target: { origin: gateway.url, hosts: {}, certificate: undefined },
    load: {
      cloud: 'aws',
      rate: 20,
      p95Ms: 10_000,
      errorRate: 0.01,
      iris: irisQuestion,
      digits: digitsQuestion,
    },
    key: gateway.key,
    timeoutMs: 120_000,
    ...changed,
  }
}

const run = (changed?: Partial<K6Options>) =>
  runK6({ signal: new AbortController().signal, emit: event => events.push(event) }, options(changed))

/** A model server that answers after a known time, or fails. */
function behave(status: number): void {
  let requests = 0
  models.behave = (_request, response) => {
    const ms = status === 200 ? delayOf(requests++) : 0
    setTimeout(() => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(result)
    }, ms)
  }
}

describe('k6 at the gateway', { timeout: 300_000 }, () => {
  test('k6’s numbers agree with the gateway’s own: requests within 1 %, the 95th percentile within 20 %', async () => {
    behave(200)
    const before = readHistogram(await gateway.metrics())
    const { breached, summary, points } = await run()
    const counted = since(before, readHistogram(await gateway.metrics()))
    expect(breached).toBe(false)
    expect(summary.k6).toBe('1')
    expect(summary.requests).toBeGreaterThan(150)
    expect(points).toHaveLength(summary.requests)
    expect(Math.abs(counted.count - summary.requests)).toBeLessThanOrEqual(summary.requests * 0.01)
    const theirs = quantileMs(counted, 0.95) ?? 0
    const said = `k6 ${summary.p95Ms} ms, the gateway ${theirs} ms`
    expect(Math.abs(theirs - summary.p95Ms) / summary.p95Ms, said).toBeLessThan(0.2)
  })

  test('the form of k6 2.x is read as well as that of 1.x', async () => {
    behave(200)
    const environment = { K6_NEW_MACHINE_READABLE_SUMMARY: 'true' }
    const { summary, points } = await run({ environment })
    expect(summary.k6).toBe('2')
    expect(summary.requests).toBe(points.length)
    expect(summary.errorRate).toBe(0)
    expect(summary.p95Ms).toBeGreaterThan(100)
  })

  test('a breach of an objective ends the test early, and is told', async () => {
    behave(500)
    const { breached, summary, points } = await run()
    expect(breached).toBe(true)
    expect(summary.errorRate).toBe(1)
    expect(points.every(({ ok }) => !ok)).toBe(true)
  })

  test('the key is in no argument and in no event', () => {
    expect(events.length).toBeGreaterThan(0)
    expect(JSON.stringify(events)).not.toContain(gateway.key)
  })

  test('nothing is sent to an address that is not the platform’s', async () => {
    const before = models.seen.length
    const others = [
      { origin: 'https://example.com', hosts: {}, certificate: undefined },
      {
        origin: 'https://ml.example.com',
        hosts: { 'ml.example.com': '192.0.2.1:443' },
        certificate: undefined,
      },
      { origin: 'nonsense', hosts: {}, certificate: undefined },
    ]
    for (const target of others) await expect(run({ target })).rejects.toMatchObject({ code: 'MLP5262' })
    expect(models.seen.length).toBe(before)
  })
})

test('the objectives are those of the alerts', async () => {
  const rules = await readFile(join(templates, 'monitoring', 'rules.yaml'), 'utf8')
  expect(objectivesIn(rules)).toEqual({ errorRate: 0.001, latencyMs: 1000 })
  expect(() => objectivesIn('groups: []')).toThrow('objectives')
})

test('there is a script for each load that can be asked for', async () => {
  for (const profile of profiles) expect(await readFile(scriptOf(profile), 'utf8')).toContain('planned([')
})

test('the rate follows the replicas and what autoscalers may make of them, and stays below the key’s limit', () => {
  const replicas = { now: 2, most: 10 }
  expect(planLoad('smoke', replicas, 100).rate).toBe(5)
  expect(planLoad('load', replicas, undefined).rate).toBe(35)
  expect(planLoad('stress', replicas, undefined).rate).toBe(375)
  expect(planLoad('stress', replicas, 100)).toMatchObject({
    rate: 80,
    why: expect.stringContaining('instead of 375/s'),
  })
  expect(limitIn('"requests";q=200;w=2')).toBe(100)
  expect(limitIn(undefined)).toBeUndefined()
})

test('one failure of a smoke test may be chance, two are none', () => {
  expect(atLeast(1, 75, 0.001)).toBeCloseTo(0.0723, 3)
  expect(atLeast(2, 75, 0.001)).toBeCloseTo(0.0026, 3)
  expect(atLeast(75, 75, 0.001)).toBeCloseTo(0)
  expect(atLeast(0, 75, 0.001)).toBe(1)
})

test('a machine without time to spare measures itself', async () => {
  const quiet = { idle: 0.6, lateMs: 3, waiting: 0.8 }
  expect(cannotMeasure(quiet)).toBe(false)
  for (const one of [{ idle: 0.05 }, { lateMs: 400 }, { waiting: 9 }])
    expect(cannotMeasure({ ...quiet, ...one })).toBe(true)
  const use = watchMachine()
  await new Promise(resolve => setTimeout(resolve, 200))
  const busyUntil = performance.now() + 300
  while (performance.now() < busyUntil);
  await new Promise(resolve => setTimeout(resolve, 50))
  const seen = use()
  expect(seen.idle).toBeGreaterThanOrEqual(0)
  expect(seen.idle).toBeLessThanOrEqual(1)
  expect(seen.lateMs).toBeGreaterThanOrEqual(0)
})

test('what is neither form of a summary is not taken for one', () => {
  for (const text of ['', '{}', '{"metrics":[]}', 'null']) expect(parseSummary(text)).toBeUndefined()
})

test('the page holds its charts, and nothing of it is code', () => {
  const points = Array.from({ length: 50 }, (_, index) => ({
    atMs: index * 100,
    durationMs: index,
    ok: index % 9 > 0,
  }))
  const page = loadPage({ title: '<smoke>', rows: [['Failed', '<b>']], points, p95Ms: 20 })
  expect(page.match(/<svg/g)).toHaveLength(2)
  expect(page).toContain('&lt;smoke&gt;')
  expect(page).not.toMatch(/<script|src=|https?:\/\//)
})
