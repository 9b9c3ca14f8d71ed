import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
