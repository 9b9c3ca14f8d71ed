import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { combineCrc32c } from '../src/copy/crc32c-combine.ts'
import { digest } from '../src/copy/digests.ts'
import { planParts, rangeOfPart } from '../src/copy/parts.ts'
import { parseLocation } from '../src/stores/location.ts'
import type { Stores } from '../src/stores/open-stores.ts'
import type { Attributes, Part, Store } from '../src/stores/store.ts'
import { azureAccount, type Emulators, startEmulators } from './support/emulators.ts'

let emulators: Emulators
let stores: Stores
const signal = AbortSignal.timeout(100_000)
const attributes: Attributes = {
  contentType: 'text/plain',
  contentEncoding: 'identity',
  contentLanguage: 'de',
  contentDisposition: 'attachment',
  cacheControl: 'max-age=60',
  metadata: { owner: 'tests' },
}

beforeAll(async () => {
  emulators = await startEmulators()
  stores = emulators.open()
  await emulators.makeBuckets('stores')
})
afterAll(async () => {
  await stores?.close()
  await emulators?.[Symbol.asyncDispose]()
})

/** Each emulator, with what it is known to lack: those are its gaps, not the cloud's. */
const kinds = [
  { name: 'S3', location: 's3://stores/folder', lacks: [] },
  { name: 'GCS', location: 'gs://stores/folder', lacks: ['contentLanguage'] },
  { name: 'Azure', location: `azure://${azureAccount}/stores/folder`, lacks: [] },
] as const

describe.each(kinds)('$name', ({ location: text, lacks }) => {
  const open = (): Store => {
    const location = parseLocation(text)
    if (location === undefined) throw new Error(text)
    return stores.open(location)
  }
  const collect = async (body: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  test('keeps an object with its attributes, and lists it with a checksum', async () => {
    const store = open()
    const content = Buffer.from('grüße')
    await store.put('a/b c+d%.txt', content, digest(content, true), attributes, signal)
    const described = await store.describe('a/b c+d%.txt', signal)
    expect(described).toMatchObject({ key: 'a/b c+d%.txt', bytes: content.length })
    const expected = Object.entries(attributes).filter(([name]) => !lacks.some(gap => gap === name))
    expect(described?.attributes).toMatchObject(Object.fromEntries(expected))
    const { objects } = await store.list(undefined, signal)
    const listed = objects.find(({ key }) => key === 'a/b c+d%.txt')
    expect(listed?.md5).toBe(digest(content, true).md5?.toString('hex'))
    expect(listed?.version).toBe(described?.version)
  })

  test('reads one version, whole and in part, and none other', async () => {
    const store = open()
    const content = randomBytes(100_000)
    await store.put('version', content, digest(content, true), attributes, signal)
    const object = await store.describe('version', signal)
    if (object === undefined) throw new Error('not there')
    expect(await collect((await store.open(object, undefined, signal)).body)).toEqual(content)
    const part = await store.open(object, { start: 70_000, length: 20 }, signal)
    expect(await collect(part.body)).toEqual(content.subarray(70_000, 70_020))
    await store.put('version', Buffer.from('newer'), digest(Buffer.from('newer'), true), attributes, signal)
    await expect(store.open(object, undefined, signal)).rejects.toMatchObject({
      kind: expect.stringMatching(/^(changed|not-found)$/),
    })
  })

  test('refuses a content that is not what its checksum says', async () => {
    const store = open()
    const content = Buffer.from('content')
    const wrong = digest(Buffer.from('contend'), true)
    await expect(store.put('damaged', content, wrong, attributes, signal)).rejects.toThrow()
    const upload = await store.beginUpload('damaged', attributes, signal)
    await expect(store.putPart(upload, 1, content, wrong, signal)).rejects.toThrow()
    await store.abortUpload(upload, signal)
    expect(await store.describe('damaged', signal)).toBeUndefined()
  })

  test('shows nothing of an upload before it is complete, then all of it', async () => {
    const store = open()
    const content = randomBytes(20 * 1_048_576)
    const plan = planParts(content.length)
    const upload = await store.beginUpload('large', attributes, signal)
    const parts: Part[] = []
    for (const number of [3, 1, 2]) {
      const range = rangeOfPart(number, plan, content.length)
      const part = content.subarray(range.start, range.start + range.length)
      const digests = digest(part, true)
      const receipt = await store.putPart(upload, number, part, digests, signal)
      parts.push({ number, bytes: part.length, receipt, crc32c: digests.crc32c })
      expect((await store.list(undefined, signal)).objects.map(({ key }) => key)).not.toContain('large')
      expect(await store.describe('large', signal)).toBeUndefined()
    }
    parts.sort((one, other) => one.number - other.number)
    const there = await store.partsThere(upload, signal)
    expect(parts.map(({ number }) => there?.get(number))).toMatchObject(
      parts.map(({ bytes, receipt }) => ({ bytes, receipt })),
    )
    const crc32c = parts.reduce((sum, part) => combineCrc32c(sum, part.crc32c, part.bytes), 0)
    expect(crc32c).toBe(digest(content, false).crc32c)
    await store.completeUpload(upload, parts, crc32c, attributes, signal)
    const object = await store.describe('large', signal)
    expect(object).toMatchObject({ bytes: content.length, attributes: { metadata: attributes.metadata } })
    if (object === undefined) throw new Error('not there')
    if (object.crc32c !== undefined) expect(object.crc32c).toBe(crc32c)
    expect((await collect((await store.open(object, undefined, signal)).body)).equals(content)).toBe(true)
    const keys = (await store.list(undefined, signal)).objects.map(({ key }) => key)
    expect(keys.filter(key => key.includes('.mlp'))).toEqual([])
  })

  test('deletes, and deleting what is not there is no error', async () => {
    const store = open()
    await store.put('gone', Buffer.from('x'), digest(Buffer.from('x'), true), attributes, signal)
    await store.delete('gone', signal)
    await store.delete('gone', signal)
    expect(await store.describe('gone', signal)).toBeUndefined()
  })
})
