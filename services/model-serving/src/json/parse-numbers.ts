// Reads a JSON array of numbers from bytes straight into a typed array. JSON.parse would build an array of boxed
// numbers first, and would round integers beyond 2^53.
import { invalid } from '../errors.ts'
import { elementCount, type NumericArray } from '../tensors/datatypes.ts'
import { toFloat16 } from '../tensors/float16.ts'
import { skipSpace } from './scan.ts'

const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const MINUS = 0x2d
const PLUS = 0x2b
const DOT = 0x2e
const ZERO = 0x30
const LOWER_E = 0x65
const UPPER_E = 0x45

/** The largest numbers that still round to a finite FP16 or FP32 are just under half a step above the largest finite. */
const NUMBERS = {
  UINT8: { array: Uint8Array, least: 0, most: 255, integer: true },
  UINT16: { array: Uint16Array, least: 0, most: 65_535, integer: true },
  UINT32: { array: Uint32Array, least: 0, most: 4_294_967_295, integer: true },
  INT8: { array: Int8Array, least: -128, most: 127, integer: true },
  INT16: { array: Int16Array, least: -32_768, most: 32_767, integer: true },
  INT32: { array: Int32Array, least: -2_147_483_648, most: 2_147_483_647, integer: true },
  FP16: { array: Uint16Array, least: -65_519.99, most: 65_519.99, integer: false },
  FP32: { array: Float32Array, least: -3.4028235677973362e38, most: 3.4028235677973362e38, integer: false },
  FP64: { array: Float64Array, least: -Number.MAX_VALUE, most: Number.MAX_VALUE, integer: false },
} as const
const BIG_INTEGERS = {
  INT64: { array: BigInt64Array, least: -(2n ** 63n), most: 2n ** 63n - 1n },
  UINT64: { array: BigUint64Array, least: 0n, most: 2n ** 64n - 1n },
} as const

/** The datatypes whose elements are numbers in JSON. */
export type NumberDatatype = keyof typeof NUMBERS | keyof typeof BIG_INTEGERS

/** What is being read and where the reader stands; `end` is the index after the array. */
interface Cursor {
  readonly bytes: Buffer
  readonly end: number
  /** The tensor's name, for messages. */
  readonly name: string
  at: number
}

/**
 * The elements of the JSON array in `bytes[start, end)`, flat or nested as `shape` is.
 * Throws RequestRefused if it is not such an array, or a number does not fit the datatype.
 */
export function parseNumbers(
  bytes: Buffer,
  start: number,
  end: number,
  tensor: { readonly name: string; readonly datatype: NumberDatatype; readonly shape: readonly number[] },
): NumericArray {
  const { name, datatype, shape } = tensor
  const cursor: Cursor = { bytes, end, name, at: start }
  const length = elementCount(shape)
  if (bytes[start] !== OPEN_BRACKET) throw unexpected(cursor)
  // An element takes two bytes of text, so a shape that promises more than the text can hold allocates nothing.
  if (length > (end - start) / 2) throw countMismatch(name, length)

  if (datatype === 'INT64' || datatype === 'UINT64') {
    const { array, least, most } = BIG_INTEGERS[datatype]
    const data = new array(length)
    readArray(cursor, shape, length, index => {
      const value = readBigInt(cursor)
      if (value < least || value > most) throw outOfRange(name, datatype, value)
      data[index] = value
    })
    return data
  }
  const { array, least, most, integer } = NUMBERS[datatype]
  const data = new array(length)
  if (
    (data instanceof Float32Array || data instanceof Float64Array) &&
    readPlainArray(bytes, start, end, data)
  )
    return data
  const half = datatype === 'FP16'
  readArray(cursor, shape, length, index => {
    const value = readNumber(cursor)
    if (!(value >= least && value <= most)) throw outOfRange(name, datatype, value)
    if (integer && !Number.isInteger(value)) throw invalid(`input '${name}': ${value} is not an integer`)
    data[index] = half ? toFloat16(value) : value
  })
  return data
}

/**
 * Fills `data` from a flat array of plain decimals without white space, as JSON.stringify writes them: most arrays are.
 * Says whether it did; everything else, and all that is wrong, is left to the thorough way.
 */
function readPlainArray(
  bytes: Buffer,
  start: number,
  end: number,
  data: Float32Array | Float64Array,
): boolean {
  let at = start + 1
  for (let index = 0; index < data.length; index++) {
    const isNegative = bytes[at] === MINUS
    if (isNegative) at++
    const numberAt = at
    let mantissa = 0
    let byte = bytes[at] ?? 0
    while (byte >= 0x30 && byte <= 0x39) {
      mantissa = mantissa * 10 + (byte - 0x30)
      byte = bytes[++at] ?? 0
    }
    if (at === numberAt || (bytes[numberAt] === ZERO && at > numberAt + 1)) return false
    let value = mantissa
    let length = at - numberAt
    if (byte === DOT) {
      const fractionAt = ++at
      byte = bytes[at] ?? 0
      while (byte >= 0x30 && byte <= 0x39) {
        mantissa = mantissa * 10 + (byte - 0x30)
        byte = bytes[++at] ?? 0
      }
      const digits = at - fractionAt
      if (digits === 0) return false
      length += digits
      value = mantissa / (POWERS_OF_TEN[digits] ?? Number.NaN)
    }
    // Both are exact so far (see readNumber).
    if (length > 15) return false
    data[index] = isNegative ? -value : value
    if (byte !== (index === data.length - 1 ? CLOSE_BRACKET : COMMA)) return false
    at++
  }
  return at === end
}

/**
 * Walks the brackets, calling `readElement` at each element in row-major order. A nested array has to be nested as the
 * shape is, a flat one has to have `length` elements.
 */
function readArray(
  cursor: Cursor,
  shape: readonly number[],
  length: number,
  readElement: (index: number) => void,
): void {
  const first = skipSpace(cursor.bytes, cursor.at + 1)
  const sizes = cursor.bytes[first] === OPEN_BRACKET ? shape : [length]
  let index = 0
  const readLevel = (level: number): void => {
    const size = sizes[level] ?? 0
    const isInnermost = level === sizes.length - 1
    consume(cursor, OPEN_BRACKET)
    for (let count = 0; count < size; count++) {
      if (count > 0) consume(cursor, COMMA)
      if (isInnermost) readElement(index++)
      else readLevel(level + 1)
      cursor.at = skipSpace(cursor.bytes, cursor.at)
    }
    consume(cursor, CLOSE_BRACKET)
  }
  readLevel(0)
  if (cursor.at !== cursor.end) throw unexpected(cursor)
}

/** Steps over one byte and the white space behind it. */
function consume(cursor: Cursor, byte: number): void {
  if (cursor.bytes[cursor.at] !== byte) throw unexpected(cursor)
  cursor.at = skipSpace(cursor.bytes, cursor.at + 1)
}

const POWERS_OF_TEN = Array.from({ length: 23 }, (_, power) => 10 ** power)

/**
 * The number at the cursor, rounded as JSON.parse rounds. Up to 15 digits and a power of ten up to 22 are both exact in
 * a double, so one multiplication or division rounds correctly (Clinger 1990); the rest is left to Number.
 */
function readNumber(cursor: Cursor): number {
  const { bytes } = cursor
  const start = cursor.at
  const isNegative = bytes[start] === MINUS
  let at = isNegative ? start + 1 : start
  let mantissa = 0
  let significantDigits = 0
  let scale = 0

  const integerAt = at
  for (; isDigit(bytes[at]); at++) {
    mantissa = mantissa * 10 + digitOf(bytes[at])
    if (mantissa > 0) significantDigits++
  }
  if (at === integerAt || (bytes[integerAt] === ZERO && at > integerAt + 1)) throw unexpected(cursor)
  if (bytes[at] === DOT) {
    const fractionAt = ++at
    for (; isDigit(bytes[at]); at++) {
      mantissa = mantissa * 10 + digitOf(bytes[at])
      if (mantissa > 0) significantDigits++
    }
    if (at === fractionAt) throw unexpected(cursor)
    scale = fractionAt - at
  }
  if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
    at++
    const isSmall = bytes[at] === MINUS
    if (isSmall || bytes[at] === PLUS) at++
    const exponentAt = at
    let exponent = 0
    for (; isDigit(bytes[at]); at++) exponent = exponent * 10 + digitOf(bytes[at])
    if (at === exponentAt) throw unexpected(cursor)
    scale += isSmall ? -exponent : exponent
  }
  cursor.at = at
  if (significantDigits > 15 || scale < -22 || scale > 22) return Number(bytes.toString('latin1', start, at))
  const power = POWERS_OF_TEN[Math.abs(scale)] ?? 1
  const magnitude = scale < 0 ? mantissa / power : mantissa * power
  return isNegative ? -magnitude : magnitude
}

/** The integer at the cursor, of any size. */
function readBigInt(cursor: Cursor): bigint {
  const { bytes } = cursor
  const start = cursor.at
  let at = bytes[start] === MINUS ? start + 1 : start
  const digitsAt = at
  while (isDigit(bytes[at])) at++
  if (at === digitsAt || (bytes[digitsAt] === ZERO && at > digitsAt + 1)) throw unexpected(cursor)
  if (bytes[at] === DOT || bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
    // 1.0 and 1e3 are integers too, where a double holds them exactly.
    const value = readNumber(cursor)
    if (!Number.isSafeInteger(value)) throw invalid(`input '${cursor.name}': ${value} is not an integer`)
    return BigInt(value)
  }
  // BigInt takes time in the square of the digits; 20 are enough for any 64-bit integer.
  if (at - digitsAt > 20) throw invalid(`input '${cursor.name}': an integer of ${at - digitsAt} digits`)
  cursor.at = at
  return BigInt(bytes.toString('latin1', start, at))
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function digitOf(byte: number | undefined): number {
  return (byte ?? ZERO) - ZERO
}

function unexpected({ bytes, at, end, name }: Cursor): Error {
  const found = bytes.toString('utf8', at, Math.min(at + 12, end))
  const isNotJson = /^-?(NaN|Inf)/.test(found)
  return invalid(
    isNotJson
      ? `input '${name}': NaN and Infinity are not JSON; send the tensor as binary data`
      : `input '${name}': data does not match the shape, or is not an array of numbers, near ${JSON.stringify(found)}`,
  )
}

function countMismatch(name: string, length: number): Error {
  return invalid(`input '${name}': data has fewer than the ${length} elements of its shape`)
}

function outOfRange(name: string, datatype: string, value: number | bigint): Error {
  return invalid(`input '${name}': ${value} does not fit ${datatype}`)
}
