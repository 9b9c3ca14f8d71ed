import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Stores } from '../src/stores/open-stores.ts'
import { azureAccount, type Emulators, startEmulators } from './support/emulators.ts'
import { contentOf, fill, keysOf, open } from './support/objects.ts'
import { type Fault, type ProxiedRequest, type StoreProxy, startProxy } from './support/proxy.ts'
import { type Service, startService } from './support/service.ts'

const mebibyte = 1_048_576
const partBytes = 8 * mebibyte
/** So that two parts are in flight at once. */
const budget = { MEMORY_BUDGET_MIB: '16' }
/** What protocols send beside content: lists of parts, metadata, multipart boundaries. */
const protocolBytes = 64 * 1024

let emulators: Emulators
let stores: Stores
beforeAll(async () => {
  emulators = await startEmulators()
  stores = emulators.open()
})
afterAll(async () => {
  await stores?.close()
  await emulators?.[Symbol.asyncDispose]()
})

const started: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const kinds = {
  s3: { from: 'gcs', variable: 'AWS_ENDPOINT_URL_S3', path: '', completes: /^POST .*uploadId=/ },
  gcs: { from: 's3', variable: 'STORAGE_EMULATOR_HOST', path: '', completes: /^POST .*\/compose/ },
  azure: {
    from: 's3',
    variable: 'AZURE_STORAGE_ENDPOINT',
    path: '/{account}',
    completes: /^PUT .*comp=blocklist/,
  },
} as const
type Kind = keyof typeof kinds

const place = (kind: Kind, name: string): string =>
  ({ s3: `s3://${name}`, gcs: `gs://${name}`, azure: `azure://${azureAccount}/${name}` })[kind]

/** A proxy before one kind of store. */
async function proxyBefore(kind: Kind): Promise<StoreProxy> {
  const proxy = await startProxy(new URL(emulators.endpoints[kind]).origin)
  started.push(proxy)
  return proxy
}

/** The service on a database of its own name, with one kind of store behind a proxy. */
async function serve(
  name: string,
  proxies: Partial<Record<Kind, StoreProxy>>,
  settings: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const endpoints = Object.entries(proxies).map(([kind, proxy]) => {
    const { variable, path } = kinds[kind as Kind]
    return [variable, `${proxy.url}${path}`]
  })
  const service = await startService(emulators, {
    ...Object.fromEntries(endpoints),
    DATABASE_URL: `sqlite:${join(emulators.folder, `${name}.db`)}`,
    ...settings,
  })
  started.push(service)
  return service
}

describe.each(['s3', 'gcs', 'azure'] as const)('to %s', kind => {
  test('killed in mid-copy: the run goes on, with the parts that are there', async () => {
    const name = `kill-${kind}`
    const { from } = kinds[kind]
    await emulators.makeBuckets(name)
    const large = randomBytes(8 * partBytes - 12_345)
    const objects = { 'large.bin': large, 'small.txt': Buffer.from('small') }
    await fill(open(stores, place(from, name)), objects)

    const proxy = await proxyBefore(kind)
    const first = await serve(name, { [kind]: proxy }, budget)
    const job = await first.makeJob({
      ...{ name, source: place(from, name), destinations: [place(kind, name)] },
    })
    proxy.onSent = bytes => {
      if (bytes > 3.5 * partBytes) first.process.child.kill('SIGKILL')
    }
    const run = await first.startRun(job.id)
    expect(await first.process.exited).toBeNull()
    proxy.onSent = () => {}
    expect(await keysOf(open(stores, place(kind, name)))).not.toContain('large.bin')

    const second = await serve(name, { [kind]: proxy }, budget)
    const ended = await second.ended(run.id)
    expect(ended).toMatchObject({ state: 'succeeded', attempt: 2 })
    expect(ended.progress?.destinations[0]?.bytesThere).toBeGreaterThanOrEqual(partBytes)
    for (const [key, content] of Object.entries(objects)) {
      expect((await contentOf(open(stores, place(kind, name)), key)).equals(content), key).toBe(true)
    }
    const again = proxy.sentBytes - large.length - objects['small.txt'].length
    expect(again).toBeLessThanOrEqual(2 * partBytes + protocolBytes)
    expect(await keysOf(open(stores, place(kind, name)))).toEqual(['large.bin', 'small.txt'])
  })

  test('throttled, failing and cut off: every object arrives all the same', async () => {
    const name = `faults-${kind}`
    const { from } = kinds[kind]
    await emulators.makeBuckets(name)
    const objects = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`object-${index}`, randomBytes(1 + index * 5_000)]),
    )
    objects['large.bin'] = randomBytes(3 * partBytes)
    await fill(open(stores, place(from, name)), objects)

    const [source, destination] = [await proxyBefore(from), await proxyBefore(kind)]
    let injected = 0
    const faults: readonly Fault[] = [
      { status: 503, headers: { 'retry-after': '0' } },
      { status: 429 },
      { status: 500 },
      { cutAfterBytes: 10 },
    ]
    const everyFourth = ({ index }: ProxiedRequest): Fault | undefined => {
      if (index % 4 !== 1) return undefined
      injected++
      return faults[Math.floor(index / 4) % faults.length]
    }
    source.fault = everyFourth
    destination.fault = everyFourth
    const service = await serve(name, { [from]: source, [kind]: destination })
    const job = await service.makeJob({
      ...{ name, source: place(from, name), destinations: [place(kind, name)] },
    })
    const run = await service.ended((await service.startRun(job.id)).id)
    const failed = (await service.objects(run.id)).filter(({ outcome }) => outcome !== 'done')
    expect(failed).toEqual([])
    expect(run.problem).toBeUndefined()
    expect(run).toMatchObject({ state: 'succeeded', attempt: 1 })
    expect(injected).toBeGreaterThan(10)
    for (const [key, content] of Object.entries(objects)) {
      expect((await contentOf(open(stores, place(kind, name)), key)).equals(content), key).toBe(true)
    }
    const metrics = await (await service.call('/metrics')).text()
    expect(metrics).toMatch(/data_sync_store_retries_total\{kind="throttled"\} [1-9]/)
  })

  test('the answer to the completion is lost: the object is complete, and counted once', async () => {
    const name = `lost-${kind}`
    const { from, completes } = kinds[kind]
    await emulators.makeBuckets(name)
    const large = randomBytes(2 * partBytes + 1)
    await fill(open(stores, place(from, name)), { 'large.bin': large })
    const proxy = await proxyBefore(kind)
    let lost = 0
    proxy.fault = ({ method, path }) =>
      completes.test(`${method} ${path}`) && lost++ === 0 ? 'lose-answer' : undefined
    const service = await serve(name, { [kind]: proxy })
    const job = await service.makeJob({
      ...{ name, source: place(from, name), destinations: [place(kind, name)] },
    })
    const run = await service.ended((await service.startRun(job.id)).id)
    expect(lost).toBeGreaterThan(0)
    expect(run).toMatchObject({ state: 'succeeded', progress: { destinations: [{ copied: 1, failed: 0 }] } })
    expect((await contentOf(open(stores, place(kind, name)), 'large.bin')).equals(large)).toBe(true)
  })
})

test('S3 says that a bucket is elsewhere: it is looked for again, and every object arrives', async () => {
  const name = 'moved'
  await emulators.makeBuckets(name)
  const objects = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`object-${index}`, randomBytes(1_000)]),
  )
  await fill(open(stores, `gs://${name}`), objects)
  const proxy = await proxyBefore('s3')
  let moved = 0
  proxy.fault = ({ method, index }) =>
    method === 'PUT' && index % 7 === 6 && ++moved < 4 ? { status: 301 } : undefined
  const service = await serve(name, { s3: proxy }, { OBJECTS_AT_ONCE: '1' })
  const job = await service.makeJob({ name, source: `gs://${name}`, destinations: [`s3://${name}`] })
  const run = await service.ended((await service.startRun(job.id)).id)
  expect(run).toMatchObject({ state: 'succeeded', progress: { destinations: [{ copied: 20, failed: 0 }] } })
  expect(moved).toBeGreaterThan(1)
  for (const [key, content] of Object.entries(objects)) {
    expect((await contentOf(open(stores, `s3://${name}`), key)).equals(content), key).toBe(true)
  }
})

test('a store that is down fails the run in words, and nothing is deleted', async () => {
  await emulators.makeBuckets('down')
  await fill(open(stores, 's3://down'), { 'a.txt': Buffer.from('a') })
  await fill(open(stores, 'gs://down'), { 'extra.txt': Buffer.from('extra') })
  const proxy = await proxyBefore('s3')
  proxy.fault = () => ({ status: 500 })
  const service = await serve('down', { s3: proxy }, { STORE_ATTEMPTS: '2' })
  const job = await service.makeJob({
    ...{ name: 'down', source: 's3://down', destinations: ['gs://down'], deletions: { maxRatio: 1 } },
  })
  const run = await service.ended((await service.startRun(job.id)).id)
  expect(run).toMatchObject({ state: 'failed', problem: expect.stringContaining('list down') })
  expect(await keysOf(open(stores, 'gs://down'))).toEqual(['extra.txt'])
})

test('SIGTERM in mid-copy: the run is handed on at once, and goes on elsewhere', async () => {
  await emulators.makeBuckets('drain')
  const large = randomBytes(6 * partBytes)
  await fill(open(stores, 's3://drain'), { 'large.bin': large })
  const proxy = await proxyBefore('gcs')
  // Long leases: only one that is given back can be taken in time.
  const settings = { ...budget, LEASE_TTL_MS: '600000' }
  const first = await serve('drain', { gcs: proxy }, settings)
  const job = await first.makeJob({ name: 'drain', source: 's3://drain', destinations: ['gs://drain'] })
  proxy.onSent = bytes => {
    if (bytes < 2.5 * partBytes) return
    proxy.onSent = () => {}
    first.process.child.kill('SIGTERM')
  }
  const run = await first.startRun(job.id)
  expect(await first.process.exited).toBe(0)
  const second = await serve('drain', { gcs: proxy }, settings)
  expect(await second.ended(run.id)).toMatchObject({ state: 'succeeded', attempt: 2 })
  expect((await contentOf(open(stores, 'gs://drain'), 'large.bin')).equals(large)).toBe(true)
})
