import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contains, overlaps, parseCidr, sizeOf } from '../../../src/config/cidr.ts'
import { configJsonSchema } from '../../../src/config/json-schema.ts'
import { isPlaceholder } from '../../../src/config/rules.ts'
import { editDistance, suggest } from '../../../src/config/suggest.ts'

test('the JSON Schema for editors is what `node scripts/write-schema.mjs` writes now', async () => {
  expect(await readFile('schemas/mlp.schema.json', 'utf8')).toBe(configJsonSchema())
})

describe('ranges', () => {
  const ranges = fc
    .record({ prefix: fc.integer({ min: 0, max: 32 }), address: fc.integer({ min: 0, max: 2 ** 32 - 1 }) })
    .map(({ prefix, address }) => {
      const size = 2 ** (32 - prefix)
      const first = address - (address % size)
      const octets = [24, 16, 8, 0].map(shift => Math.floor(first / 2 ** shift) % 256)
      return { text: `${octets.join('.')}/${prefix}`, first, size }
    })

  test('a range holds its first and last address and as many as its prefix says', () => {
    fc.assert(
      fc.property(ranges, ({ text, first, size }) => {
        const range = parseCidr(text)
        expect(range).toMatchObject({ first, last: first + size - 1 })
        expect(range && sizeOf(range)).toBe(size)
      }),
    )
  })

  test('two ranges are apart, or one holds the other: then, and only then, they overlap', () => {
    fc.assert(
      fc.property(ranges, ranges, (one, other) => {
        const [a, b] = [parseCidr(one.text), parseCidr(other.text)]
        if (a === undefined || b === undefined) throw new Error('not parsed')
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a))
        expect(overlaps(a, b)).toBe(overlaps(b, a))
      }),
    )
  })

  test('one address in common is enough', () => {
    const range = (text: string) => parseCidr(text) ?? { first: 0, last: 0, prefix: 0 }
    expect(overlaps(range('10.0.0.255/32'), range('10.0.0.0/24'))).toBe(true)
    expect(overlaps(range('10.0.1.0/32'), range('10.0.0.0/24'))).toBe(false)
  })

  test.each(['', '10.0.0.0', '10.0.0/8', '10.0.0.0/33', '256.0.0.0/8', '10.0.0.1/8', '10.0.0.0/8 '])(
    '%j is none',
    text => {
      expect(parseCidr(text)).toBeUndefined()
    },
  )
})

describe('what was meant', () => {
  test.each([
    ['regoin', 'region'],
    ['kuberentesVersion', 'kubernetesVersion'],
    ['kubernetes_version', 'kubernetesVersion'],
    ['Region', 'region'],
    ['mx', 'max'],
    ['colour', undefined],
    ['nodesettings', 'nodes'],
  ])('%s -> %s', (word, meant) => {
    expect(suggest(word, ['region', 'kubernetesVersion', 'nodes', 'max', 'min'])).toBe(meant)
  })

  test('nothing is suggested from nothing', () => {
    expect(suggest('word', [])).toBeUndefined()
  })

  test('distance is one for a swap, and the same both ways', () => {
    expect(editDistance('regoin', 'region')).toBe(1)
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('', 'abc')).toBe(3)
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b) === 0).toBe(a === b)
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})

test.each([
  ['your-gcp-project-id', true],
  ['YOUR_PROJECT_ID', true],
  ['CHANGE_ME_SECURE_PASSWORD', true],
  ['please change-me', true],
  ['<account>', true],
  ['TODO', true],
  ['xxxx', true],
  ['your', false],
  ['yourself', false],
  ['todolist-team', false],
  ['ml-platform', false],
])('%s is a placeholder: %s', (text, expected) => {
  expect(isPlaceholder(text)).toBe(expected)
})
