import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromFloat16, toFloat16 } from '../src/tensors/float16.ts'

test('every finite FP16 survives', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromFloat16(bits)
    if (Number.isNaN(value)) continue
    expect(toFloat16(value)).toBe(bits)
  }
})

test('numbers are rounded to the nearest FP16, ties to even', () => {
  fc.assert(
    fc.property(fc.double({ min: -65519, max: 65519, noNaN: true }), value => {
      const rounded = fromFloat16(toFloat16(value))
      for (const step of [-1, 1]) {
        const neighbour = fromFloat16(toFloat16(value) + step)
        if (Number.isFinite(neighbour)) {
          expect(Math.abs(value - rounded)).toBeLessThanOrEqual(Math.abs(value - neighbour))
        }
      }
    }),
  )
  // Halfway between 1 and the next is 1 (even); halfway above the next is the one after it.
  expect(toFloat16(1 + 2 ** -11)).toBe(0x3c00)
  expect(toFloat16(1 + 3 * 2 ** -11)).toBe(0x3c02)
  expect(toFloat16(2 ** -25)).toBe(0)
  expect(toFloat16(1e9)).toBe(0x7c00)
  expect(toFloat16(Number.NaN)).toBe(0x7e00)
})
