import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UploadMemory } from '../src/copy/upload-memory.ts'
import type { JobSpec } from '../src/job-spec.ts'
import { jobSpecSchema } from '../src/job-spec.ts'
import type { ObjectResult } from '../src/runs/object-result.ts'
import { emptyProgress } from '../src/runs/run-progress.ts'
import { sync } from '../src/runs/sync.ts'
import { createSemaphore } from '../src/semaphore.ts'
import type { Stores } from '../src/stores/open-stores.ts'
import { azureAccount, type Emulators, startEmulators } from './support/emulators.ts'
import { contentOf, fill, keysOf, open } from './support/objects.ts'

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

/** Copies that are never interrupted need nothing remembered. */
const nothingRemembered: UploadMemory = {
  find: async () => undefined,
  begin: async () => {},
  addPart: async () => {},
  forget: async () => {},
}

type Wanted = Partial<JobSpec> & Pick<JobSpec, 'source' | 'destinations'> & { dryRun?: boolean }

async function run({ dryRun = false, ...wanted }: Wanted) {
  const spec = jobSpecSchema.parse({ name: 'test', ...wanted })
  const results: ObjectResult[] = []
  const progress = emptyProgress(spec.destinations)
  const problems = await sync({
    ...{ spec, dryRun, progress },
    slots: createSemaphore(8),
    record: async result => void results.push(result),
    copy: {
      source: open(stores, spec.source),
      destination: target => open(stores, spec.destinations[target] ?? ''),
      uploads: nothingRemembered,
      memory: createSemaphore(64 * 1_048_576),
      policy: { attempts: 3, attemptTimeoutMs: 30_000, firstDelayMs: 20, longestDelayMs: 200 },
      signal: AbortSignal.timeout(60_000),
      onSent: (target, bytes) => {
        const counts = progress.destinations[target]
        if (counts !== undefined) counts.bytesSent += bytes
      },
    },
  })
  return { problems, results, progress, first: progress.destinations[0] }
}

const bucket = (name: string) => ({
  s3: `s3://${name}`,
  gcs: `gs://${name}`,
  azure: `azure://${azureAccount}/${name}`,
})

test.each([
  ['s3', 'gcs'],
  ['gcs', 'azure'],
  ['azure', 's3'],
] as const)('%s to %s: copies what is missing and what differs, and nothing twice', async (from, to) => {
  const name = `copy-${from}-${to}`
  await emulators.makeBuckets(name)
  const source = bucket(name)[from]
  const destination = bucket(name)[to]
  const objects = {
    'a.txt': Buffer.from('a'),
    'a-b/c.txt': Buffer.from('ab'),
    'a/b.txt': Buffer.from('abc'),
    empty: Buffer.alloc(0),
    'ü/ß 100%+&=?#.bin': randomBytes(3_000),
    'large.bin': randomBytes(18 * 1_048_576 + 5),
  }
  await fill(open(stores, source), objects)

  const first = await run({ source, destinations: [destination] })
  expect(first.problems).toEqual([])
  expect(first.first).toMatchObject({ present: 0, inStep: 0, copied: 6, failed: 0, skipped: 0 })
  for (const [key, content] of Object.entries(objects)) {
    expect((await contentOf(open(stores, destination), key)).equals(content), key).toBe(true)
  }
  expect(await keysOf(open(stores, destination))).toEqual(await keysOf(open(stores, source)))

  const again = await run({ source, destinations: [destination] })
  expect(again.first).toMatchObject({ present: 6, inStep: 6, copied: 0, bytesSent: 0 })
  expect(again.results).toEqual([])

  // Of the same length: only the content tells.
  await fill(open(stores, source), {
    'a.txt': Buffer.from('b'),
    'large.bin': randomBytes(18 * 1_048_576 + 5),
  })
  const changed = await run({ source, destinations: [destination] })
  expect(changed.first).toMatchObject({ inStep: 4, copied: 2 })
  expect(await contentOf(open(stores, destination), 'a.txt')).toEqual(Buffer.from('b'))
})

describe('one reading, two destinations', () => {
  test('both get every object, and one that fails keeps nothing from the other', async () => {
    const name = 'fan-out'
    await emulators.makeBuckets(name)
    const objects = { 'a.txt': Buffer.from('a'), 'b/large.bin': randomBytes(18 * 1_048_576 + 5) }
    await fill(open(stores, `s3://${name}`), objects)
    const both = [`gs://${name}`, `azure://${azureAccount}/${name}`]
    const { problems, progress } = await run({ source: `s3://${name}`, destinations: both })
    expect(problems).toEqual([])
    expect(progress.destinations).toMatchObject([{ copied: 2 }, { copied: 2 }])
    for (const place of both) {
      for (const [key, content] of Object.entries(objects)) {
        expect((await contentOf(open(stores, place), key)).equals(content), `${place} ${key}`).toBe(true)
      }
    }

    await fill(open(stores, `s3://${name}`), { 'c.txt': Buffer.from('c') })
    const lost = await run({
      source: `s3://${name}`,
      destinations: [`gs://${name}`, 'gs://there-is-none'],
    }).catch(error => String(error))
    expect(lost).toContain('there-is-none')
  })
})

describe('deletions', () => {
  async function prepared(name: string) {
    await emulators.makeBuckets(name)
    const source = `s3://${name}`
    const destination = `gs://${name}`
    const keys = Array.from({ length: 10 }, (_, index) => `object-${index}`)
    await fill(open(stores, source), Object.fromEntries(keys.map(key => [key, Buffer.from(key)])))
    await run({ source, destinations: [destination] })
    const drop = (...gone: readonly string[]) =>
      Promise.all(gone.map(key => open(stores, source).delete(key, AbortSignal.timeout(10_000))))
    return { source, destination, keys, drop }
  }

  test('never unless asked for', async () => {
    const { source, destination, keys, drop } = await prepared('delete-never')
    await drop('object-3')
    expect((await run({ source, destinations: [destination] })).problems).toEqual([])
    expect(await keysOf(open(stores, destination))).toEqual(keys)
  })

  test('what the source lacks, and not past the ratio', async () => {
    const { source, destination, keys, drop } = await prepared('delete-ratio')
    await drop('object-3', 'object-4')
    const refused = await run({ source, destinations: [destination], deletions: { maxRatio: 0.1 } })
    expect(refused.problems).toEqual([expect.stringContaining('2 of 10 objects would be deleted')])
    expect(await keysOf(open(stores, destination))).toEqual(keys)

    const allowed = await run({ source, destinations: [destination], deletions: { maxRatio: 0.2 } })
    expect(allowed.problems).toEqual([])
    expect(allowed.first).toMatchObject({ deleted: 2 })
    expect(await keysOf(open(stores, destination))).toEqual(keys.filter(key => !/[34]$/.test(key)))
  })

  test('what a job does not touch stays', async () => {
    const { source, destination, drop } = await prepared('delete-touched')
    await drop('object-3', 'object-4')
    await run({ source, destinations: [destination], deletions: { maxRatio: 1 }, exclude: ['object-4'] })
    const left = await keysOf(open(stores, destination))
    expect(left).not.toContain('object-3')
    expect(left).toContain('object-4')
  })

  test('a dry run tells what it would do, and does nothing', async () => {
    const { source, destination, keys, drop } = await prepared('dry')
    await drop('object-3')
    await fill(open(stores, source), { 'object-5': Buffer.from('another'), new: Buffer.from('new') })
    const wanted = { source, destinations: [destination], deletions: { maxRatio: 1 } }
    const dry = await run({ ...wanted, dryRun: true })
    const planned = dry.results.map(({ action, key, outcome }) => `${action} ${key} ${outcome}`)
    expect(planned.sort()).toEqual(['copy new planned', 'copy object-5 planned', 'delete object-3 planned'])
    expect(await keysOf(open(stores, destination))).toEqual(keys)
    expect(await contentOf(open(stores, destination), 'object-5')).toEqual(Buffer.from('object-5'))
  })
})
