import fc from 'fast-check'
import { expect, test } from 'vitest'
import { amountOf } from '../../../src/kube/quantity.ts'

test.each([
  ['1930m', 1.93],
  ['2', 2],
  ['0', 0],
  ['.5', 0.5],
  ['7934212Ki', 8_124_633_088],
  ['8Gi', 8_589_934_592],
  ['1k', 1000],
])('%s is %d', (quantity, amount) => {
  expect(amountOf(quantity)).toBeCloseTo(amount, 6)
})

test.each(['', 'lots', '1 Gi', '-1', '1Xi', '1e'])('%j is none', quantity => {
  expect(amountOf(quantity)).toBeNaN()
})

test('a binary unit is 1024 of the one before it', () => {
  const steps = [
    ['', 'Ki'],
    ['Ki', 'Mi'],
    ['Mi', 'Gi'],
    ['Gi', 'Ti'],
  ] as const
  fc.assert(
    fc.property(fc.nat(4096), fc.constantFrom(...steps), (amount, [smaller, larger]) => {
      expect(amountOf(`${amount}${larger}`)).toBe(amountOf(`${amount * 1024}${smaller}`))
    }),
  )
})
