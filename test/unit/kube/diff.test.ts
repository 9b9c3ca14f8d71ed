import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeDifference, diffFields } from '../../../src/kube/diff.ts'
import { jsonValue } from './json-value.ts'

test.each([
  [{ a: 1 }, { a: 2 }, ['.a: 1 -> 2']],
  [{ a: { b: 'x' } }, { a: {} }, ['.a.b: x -> (not set)']],
  [{}, { 'mlp.dev/x': '1' }, ['["mlp.dev/x"]: (not set) -> 1']],
  [{ a: [1, 2] }, { a: [1] }, ['.a[1]: 2 -> (not set)']],
  [{ a: [] }, { a: {} }, ['.a: [] -> {}']],
  [{ a: null }, {}, ['.a: null -> (not set)']],
  [{ b: 1, a: 1 }, { a: 2, b: 2 }, ['.a: 1 -> 2', '.b: 1 -> 2']],
])('%j to %j', (before, after, expected) => {
  expect(diffFields(before, after).map(describeDifference)).toEqual(expected)
})

test('a value does not differ from itself, in whatever order its keys are', () => {
  fc.assert(
    fc.property(jsonValue, value => {
      expect(diffFields(value, value)).toEqual([])
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        expect(diffFields(value, Object.fromEntries(Object.entries(value).reverse()))).toEqual([])
      }
    }),
  )
})

test('different values differ, the same way round both ways', () => {
  fc.assert(
    fc.property(jsonValue, jsonValue, (a, b) => {
      const there = diffFields(a, b)
      const back = diffFields(b, a)
      expect(there.map(({ path }) => path)).toEqual(back.map(({ path }) => path))
      expect(there.length > 0).toBe(canonical(a) !== canonical(b))
    }),
  )
})

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, child) =>
    typeof child === 'object' && child !== null && !Array.isArray(child)
      ? Object.fromEntries(Object.entries(child).sort(([a], [b]) => (a < b ? -1 : 1)))
      : child,
  )
}
