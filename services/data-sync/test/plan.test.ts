import fc from 'fast-check'
import picomatch from 'picomatch'
import { describe, expect, test } from 'vitest'
import { combineCrc32c } from '../src/copy/crc32c-combine.ts'
import { digest } from '../src/copy/digests.ts'
import { planParts, rangeOfPart, smallestPartBytes } from '../src/copy/parts.ts'
import { copyAttributes, sourceMark } from '../src/copy/provenance.ts'
import { compare } from '../src/plan/compare.ts'
import { mostDeletions } from '../src/plan/deletion-limit.ts'
import { createFilter, isPortable } from '../src/plan/filter.ts'
import { merge } from '../src/plan/merge.ts'
import { createSemaphore } from '../src/semaphore.ts'
import { parseLocation } from '../src/stores/location.ts'
import type { StoredObject } from '../src/stores/store.ts'

const object = (key: string): StoredObject => ({ key, bytes: 1, version: 'v', fingerprint: 'f' })

/** As a store lists: sorted by UTF-8 bytes, cut into pages of any size, empty ones too. */
async function* listing(keys: ReadonlySet<string>, pageSize: number) {
  const sorted = [...keys].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  yield []
  for (let at = 0; at < sorted.length; at += pageSize) yield sorted.slice(at, at + pageSize).map(object)
}

const folder = fc.stringMatching(/^[a-zA-Z0-9_ü€𝛼-]{1,4}$/u)
const key = fc.array(folder, { minLength: 1, maxLength: 3 }).map(folders => folders.join('/'))
const keys = fc.uniqueArray(key, { maxLength: 60 }).map(list => new Set(list))

describe('merge', () => {
  test('is the union of all listings, each key once, in order, with what is where', async () => {
    await fc.assert(
      fc.asyncProperty(keys, keys, keys, fc.integer({ min: 1, max: 7 }), async (source, one, two, size) => {
        const seen: string[] = []
        for await (const entry of merge(listing(source, size), [listing(one, size), listing(two, size)])) {
          seen.push(entry.key)
          expect(entry.source !== undefined).toBe(source.has(entry.key))
          expect(entry.copies.map(copy => copy !== undefined)).toEqual([
            one.has(entry.key),
            two.has(entry.key),
          ])
        }
        expect(new Set(seen)).toEqual(new Set([...source, ...one, ...two]))
        expect(seen.length).toBe(new Set(seen).size)
      }),
    )
  })

  test('refuses a listing out of order, before anything is told to be missing', async () => {
    async function* disordered() {
      yield [object('b'), object('a')]
    }
    const read = async () => {
      for await (const _ of merge(disordered(), []));
    }
    await expect(read()).rejects.toThrow('lists a after b')
  })

  test('passes on what a listing throws', async () => {
    async function* broken() {
      yield [object('a')]
      throw new Error('listing broke')
    }
    const read = async () => {
      for await (const _ of merge(listing(new Set(['a', 'b']), 1), [broken()]));
    }
    await expect(read()).rejects.toThrow('listing broke')
  })
})

describe('filter', () => {
  const literally = (text: string) => text.replaceAll(/[\\*?[\]{}()!+@|^$.,~'"&;]/g, '\\$&')

  test.each([
    ['*.onnx', 'model.onnx', true],
    ['*.onnx', 'a/model.onnx', false],
    ['**/*.onnx', 'a/b/model.onnx', true],
    ['**/*.onnx', 'model.onnx', true],
    ['models/**', 'models/a/b.bin', true],
    ['models/**', 'model/a', false],
    ['a/{b,c}/*.txt', 'a/c/x.txt', true],
    ['v?.bin', 'v1.bin', true],
    ['v[0-9].bin', 'v10.bin', false],
    ['**', '.hidden/.file', true],
    ['!a', 'b', false],
  ])('%s and %s: %s', (glob, name, expected) => {
    expect(createFilter({ include: [glob], exclude: [] })(name)).toBe(expected)
    expect(createFilter({ include: [], exclude: [glob] })(name)).toBe(!expected)
  })

  test('without globs takes every key; ** does too', () => {
    fc.assert(
      fc.property(key, name => {
        expect(createFilter({ include: [], exclude: [] })(name)).toBe(true)
        expect(createFilter({ include: ['**'], exclude: [] })(name)).toBe(true)
        expect(createFilter({ include: [], exclude: ['**'] })(name)).toBe(false)
      }),
    )
  })

  test('an exclude wins, and order does not matter', () => {
    fc.assert(
      fc.property(keys, key, fc.array(key, { maxLength: 3 }), (names, excluded, others) => {
        const exclude = [excluded, ...others].map(literally)
        const filter = createFilter({ include: ['**', literally(excluded)], exclude })
        const reversed = createFilter({ include: [literally(excluded), '**'], exclude: exclude.toReversed() })
        expect(filter(excluded)).toBe(false)
        for (const name of names) expect(reversed(name)).toBe(filter(name))
      }),
    )
  })

  test('any glob answers quickly for any key', () => {
    const glob = fc.stringMatching(/^[a*?[\]{},/!()+@|-]{1,30}$/)
    fc.assert(
      fc.property(glob, fc.stringMatching(/^[ab/]{0,60}$/), (pattern, name) => {
        const startedMs = performance.now()
        try {
          picomatch.makeRe(pattern, { dot: true, nonegate: true, noextglob: true, flags: 's' }).test(name)
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
        // One that tries every way would take hours; a busy machine may take a moment.
        expect(performance.now() - startedMs).toBeLessThan(10_000)
      }),
      { numRuns: 300 },
    )
  })

  test.each(['', 'a//b', '/a', 'a/', '../a', 'a/./b', 'a\nb', '\ud800', 'ü'.repeat(513)])(
    'a key that not every store can hold: %j',
    name => expect(isPortable(name)).toBe(false),
  )
  test('ordinary keys are portable', () => fc.assert(fc.property(key, name => isPortable(name))))
})

describe('deletion limit', () => {
  test('never more than the share that was asked for, and all of it only when all was', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000_000),
        fc.double({ min: 0, max: 1, noNaN: true, minExcluded: true }),
        (present, maxRatio) => {
          const most = mostDeletions(present, { maxRatio })
          expect(most).toBeLessThanOrEqual(present * maxRatio)
          expect(most).toBeGreaterThan(present * maxRatio - 1)
          if (maxRatio < 1 && present > 0) expect(most).toBeLessThan(present)
        },
      ),
    )
  })
})

describe('parts', () => {
  test('cover an object once, within the limits of every store', () => {
    fc.assert(
      fc.property(fc.integer({ min: smallestPartBytes + 1, max: 50 * 2 ** 40 }), bytes => {
        const plan = planParts(bytes)
        expect(plan.count).toBeLessThanOrEqual(10_000)
        const last = rangeOfPart(plan.count, plan, bytes)
        expect(last.start + last.length).toBe(bytes)
        expect(last.length).toBeGreaterThan(0)
        expect(rangeOfPart(2, plan, bytes).start).toBe(rangeOfPart(1, plan, bytes).length)
      }),
    )
  })

  test('the checksum of a whole follows from those of its parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (one, other) => {
        const [first, second] = [Buffer.from(one), Buffer.from(other)]
        const crc32c = (content: Buffer) => digest(content, false).crc32c
        expect(combineCrc32c(crc32c(first), crc32c(second), second.length)).toBe(
          crc32c(Buffer.concat([first, second])),
        )
      }),
    )
  })
})

describe('compare', () => {
  const source = { ...object('a'), fingerprint: 'etag:1' }
  const copied = copyAttributes(source, { metadata: {} })
  test.each([
    ['another size', source, { ...source, bytes: 2 }, 'different'],
    ['equal MD5', { ...source, md5: 'aa' }, { ...object('a'), md5: 'aa' }, 'same'],
    ['equal CRC-32C', { ...source, crc32c: 7 }, { ...object('a'), crc32c: 7 }, 'same'],
    [
      'the mark of this version',
      { ...source, md5: 'aa' },
      { ...object('a'), md5: 'bb', attributes: copied },
      'same',
    ],
    ['no mark', source, { ...object('a'), attributes: { metadata: {} } }, 'different'],
    ['a listing without metadata', source, object('a'), 'unknown'],
    [
      'the mark of an older version',
      { ...source, fingerprint: 'etag:2' },
      { ...object('a'), attributes: copied },
      'different',
    ],
  ] as const)('%s', (_, original, copy, expected) => expect(compare(original, copy)).toBe(expected))

  test('a copy of a copy carries the mark of the nearer one', () => {
    const again = copyAttributes({ ...source, fingerprint: 'etag:3' }, copied, 'ff')
    expect(again.metadata).toEqual({
      mlpsource: sourceMark({ ...source, fingerprint: 'etag:3' }),
      mlpsha256: 'ff',
    })
  })
})

describe('location', () => {
  test.each([
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['gs://my.bucket_1/a/b/', { kind: 'gcs', bucket: 'my.bucket_1', prefix: 'a/b/' }],
    [
      'azure://account/container/ü',
      { kind: 'azure', account: 'account', container: 'container', prefix: 'ü/' },
    ],
    ['s3://bucket/../other', undefined],
    ['s3://Bucket', undefined],
    ['azure://account', undefined],
    ['azure://account.evil.example/container', undefined],
    ['http://bucket', undefined],
    ['s3://bucket//a', undefined],
  ])('%s', (text, expected) => expect(parseLocation(text)).toEqual(expected))
})

describe('memory', () => {
  const { signal } = new AbortController()

  test('goes to the object that began first, however often it asks', async () => {
    const memory = createSemaphore(2)
    const first = memory.draw()
    const second = memory.draw()
    const held = [await memory.acquire(1, signal, second), await memory.acquire(1, signal, second)]
    const order: string[] = []
    const ask = (name: string, ticket?: number) =>
      memory.acquire(1, signal, ticket).then(release => {
        order.push(name)
        release()
      })
    const asked = [ask('last'), ask('second', second), ask('first', first), ask('first again', first)]
    held[0]?.()
    await Promise.all(asked)
    expect(order).toEqual(['first', 'first again', 'second', 'last'])
    held[1]?.()
    expect(memory.inUse).toBe(0)
  })

  test('what fits does not wait behind what it went past', async () => {
    const memory = createSemaphore(3)
    const first = memory.draw()
    const hold = await memory.acquire(2, signal)
    const large = memory.acquire(2, signal)
    const small = await memory.acquire(1, signal, first)
    small()
    hold()
    ;(await large)()
    expect(memory.inUse).toBe(0)
  })
})
