import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestRefused } from '../src/errors.ts'
import { formatData } from '../src/json/format-data.ts'
import { parseData } from '../src/json/parse-data.ts'
import { type NumberDatatype, parseNumbers } from '../src/json/parse-numbers.ts'
import type { Datatype } from '../src/tensors/datatypes.ts'

function parse(text: string, datatype: Datatype, shape: readonly number[]) {
  const bytes = Buffer.from(text)
  return parseData(bytes, { start: 0, end: bytes.length }, { name: 'x', datatype, shape })
}
function numbers(text: string, datatype: NumberDatatype, shape: readonly number[]) {
  const bytes = Buffer.from(text)
  return parseNumbers(bytes, 0, bytes.length, { name: 'x', datatype, shape })
}

describe('numbers in JSON', () => {
  test('are read as JSON.parse reads them', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true })
    const written = fc.oneof(
      double.map(value => JSON.stringify(value)),
      double.map(value => value.toExponential()),
      // As people and other languages write them: leading minus, trailing zeros, long fractions, large exponents.
      fc.stringMatching(/^-?(0|[1-9]\d{0,25})(\.\d{1,30})?([eE][+-]?\d{1,2})?$/),
    )
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 50 }), texts => {
        const text = `[${texts.join(',')}]`
        expect([...numbers(text, 'FP64', [texts.length])]).toEqual(JSON.parse(text))
      }),
    )
  })

  test('are accepted exactly where JSON.parse accepts them', () => {
    const fragment = fc.constantFrom(
      '[',
      ']',
      ',',
      '0',
      '1',
      '9',
      '-',
      '+',
      '.',
      'e',
      'E',
      ' ',
      '\n',
      'NaN',
      'null',
      '"1"',
    )
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), fragments => {
        // Whoever asks has found where the array begins.
        const text = fragments.join('').trimStart()
        let expected: unknown
        try {
          expected = JSON.parse(text)
        } catch {
          expected = undefined
        }
        const isFlat =
          Array.isArray(expected) &&
          expected.length > 0 &&
          expected.every(element => typeof element === 'number')
        const length = Array.isArray(expected) && expected.length > 0 ? expected.length : 1
        if (Array.isArray(expected) && isFlat) expect([...numbers(text, 'FP64', [length])]).toEqual(expected)
        else expect(() => numbers(text, 'FP64', [length])).toThrow(RequestRefused)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['INT64', ['-9223372036854775808', '9223372036854775807', '9007199254740993', '1e3', '-0', '2.0']],
    ['UINT64', ['0', '18446744073709551615', '9007199254740993']],
  ] as const)('%s keeps every digit', (datatype, written) => {
    const data = numbers(`[${written.join()}]`, datatype, [written.length])
    const exact = written.map(text => (/[e.]/.test(text) ? BigInt(Number(text)) : BigInt(text)))
    expect([...data]).toEqual(exact)
    expect(formatData({ name: 'x', datatype, shape: [written.length], data })).toBe(`[${exact.join()}]`)
  })

  test.each([
    ['UINT8', '256'],
    ['UINT8', '-1'],
    ['INT8', '128'],
    ['INT16', '1.5'],
    ['INT32', '2147483648'],
    ['UINT32', '4294967296'],
    ['INT64', '9223372036854775808'],
    ['INT64', '1e19'],
    ['INT64', '0.5'],
    ['INT64', '100000000000000000000000000000'],
    ['UINT64', '-1'],
    ['UINT64', '18446744073709551616'],
    ['FP16', '65520'],
    ['FP32', '3.5e38'],
    ['FP64', '1e309'],
  ] as const)('%s does not take %s', (datatype, text) => {
    expect(() => numbers(`[${text}]`, datatype, [1])).toThrow(RequestRefused)
  })

  test.each([
    ['FP16', '65519.9', 0x7bff],
    ['FP32', '3.4028235e38', 3.4028234663852886e38],
    ['FP32', '1e-50', 0],
  ] as const)('%s rounds %s to what it can hold', (datatype, text, expected) => {
    expect([...numbers(`[${text}]`, datatype, [1])]).toEqual([expected])
  })

  test('NaN is refused with the way around it', () => {
    expect(() => numbers('[1,NaN]', 'FP32', [2])).toThrow(/not JSON; send the tensor as binary/)
    expect(() => numbers('[-Infinity]', 'FP32', [1])).toThrow(/not JSON; send the tensor as binary/)
  })
})

describe('nested arrays', () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  const nest = (elements: readonly unknown[], shape: readonly number[]): unknown => {
    const [size = 1, ...rest] = shape
    if (rest.length === 0) return elements
    const per = elements.length / size
    return Array.from({ length: size }, (_, index) =>
      nest(elements.slice(index * per, (index + 1) * per), rest),
    )
  }

  test.each(['FP32', 'INT64', 'BOOL', 'BYTES'] as const)('%s reads nested and flat alike', datatype => {
    fc.assert(
      fc.property(shapes, shape => {
        const count = shape.reduce((product, size) => product * size, 1)
        const elements = Array.from({ length: count }, (_, index) =>
          datatype === 'BOOL' ? index % 3 === 0 : datatype === 'BYTES' ? `"[${index}]` : index,
        )
        const flat = parse(JSON.stringify(elements), datatype, shape)
        expect(parse(JSON.stringify(nest(elements, shape)), datatype, shape)).toEqual(flat)
        expect(parse(JSON.stringify(elements, null, 2), datatype, shape)).toEqual(flat)
      }),
    )
  })

  test.each([
    ['[[1,2],[3]]', [2, 2]],
    ['[[1,2,3,4]]', [2, 2]],
    ['[[1],[2],[3],[4]]', [2, 2]],
    ['[1,2,[3,4]]', [2, 2]],
    ['[[1,2],3,4]', [2, 2]],
    ['[[[1,2],[3,4]]]', [2, 2]],
    ['[1,2,3]', [2, 2]],
    ['[1,2,3,4,5]', [2, 2]],
    ['[]', [1]],
    ['{"0":1}', [1]],
    ['1', [1]],
    ['[1]', [2_000_000_000, 2_000_000_000]],
  ] as const)('%s is not of shape %j', (text, shape) => {
    for (const datatype of ['FP32', 'INT64'] as const) {
      expect(() => parse(text, datatype, shape)).toThrow(RequestRefused)
    }
    expect(() => parse(text.replace(/\d/g, 'true'), 'BOOL', shape)).toThrow(RequestRefused)
    expect(() => parse(text.replace(/\d/g, '"a"'), 'BYTES', shape)).toThrow(RequestRefused)
  })
})

test('strings that the runtime would change are refused', () => {
  expect(parse('["\\u00e9", "\\ud83d\\ude00", ""]', 'BYTES', [3])).toEqual(['é', '😀', ''])
  expect(() => parse('["a\\u0000b"]', 'BYTES', [1])).toThrow(/NUL/)
  expect(() => parse('["\\ud83d"]', 'BYTES', [1])).toThrow(/Unicode/)
})

test('NaN and the infinities in a result are not written as JSON', () => {
  for (const element of [Number.NaN, Infinity, -Infinity]) {
    const data = Float32Array.of(1, element)
    expect(() => formatData({ name: 'y', datatype: 'FP32', shape: [2], data })).toThrow(/binary_data/)
  }
})
