import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseVersion, type VersionShare } from '../src/routing/choose-version.ts'

const keys = Array.from({ length: 5000 }, (_, index) => `client-${index}`)
const share = (version: string, weight: number): VersionShare => ({ version, weight })

function assign(...shares: [VersionShare, ...VersionShare[]]): string[] {
  return keys.map(key => chooseVersion(shares, 'iris', key).version)
}

function shareOf(assigned: readonly string[], version: string): number {
  return assigned.filter(each => each === version).length / assigned.length
}

test.each([
  [50, 50],
  [90, 10],
  [99, 1],
  [1, 3],
])('weights %i and %i are the shares', (first, second) => {
  const assigned = assign(share('1', first), share('2', second))
  const expected = second / (first + second)
  const standardDeviation = Math.sqrt((expected * (1 - expected)) / keys.length)
  expect(Math.abs(shareOf(assigned, '2') - expected)).toBeLessThan(4 * standardDeviation)
})

test('a key stays where it is, whatever the order of the versions', () => {
  const assigned = assign(share('1', 90), share('2', 10))
  expect(assign(share('2', 10), share('1', 90))).toEqual(assigned)
})

test('a weight of 0 gets nothing', () => {
  expect(new Set(assign(share('1', 0), share('2', 1), share('3', 0)))).toEqual(new Set(['2']))
})

test('when a weight grows, keys move only to that version', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }), (weight, more) => {
      const before = assign(share('1', 100), share('2', weight), share('3', 30))
      const after = assign(share('1', 100), share('2', weight + more), share('3', 30))
      for (const [index, version] of after.entries()) {
        if (version !== before[index]) expect(version).toBe('2')
      }
    }),
    { numRuns: 20 },
  )
})

test('models are assigned independently of each other', () => {
  const shares: [VersionShare, VersionShare] = [share('1', 50), share('2', 50)]
  const same = keys.filter(
    key => chooseVersion(shares, 'iris', key).version === chooseVersion(shares, 'fraud', key).version,
  )
  expect(same.length / keys.length).toBeCloseTo(0.5, 1)
})
