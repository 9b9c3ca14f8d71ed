import { invalid } from '../errors.ts'
import { type Datatype, elementCount, type TensorData } from '../tensors/datatypes.ts'
import { parseNumbers } from './parse-numbers.ts'

/** What has to be known of a tensor to read its data. */
export interface TensorHead {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
}

/** Reads the JSON array of a tensor's elements in `bytes[start, end)`. Throws RequestRefused if it does not fit. */
export function parseData(
  bytes: Buffer,
  range: { start: number; end: number },
  head: TensorHead,
): TensorData {
  const { name, datatype, shape } = head
  if (datatype !== 'BOOL' && datatype !== 'BYTES') {
    return parseNumbers(bytes, range.start, range.end, { name, datatype, shape })
  }
  const elements = flatten(parseArray(bytes.toString('utf8', range.start, range.end), name), name, shape)
  if (datatype === 'BOOL') {
    return Uint8Array.from(elements, element => {
      if (typeof element !== 'boolean') throw invalid(`input '${name}': BOOL data is true or false`)
      return element ? 1 : 0
    })
  }
  return elements.map(element => {
    if (typeof element !== 'string')
      throw invalid(`input '${name}': BYTES data in JSON is an array of strings`)
    return carriableString(element, name)
  })
}

/**
 * The string, if it reaches the model as it is: the runtime's binding ends strings at a NUL and replaces half a
 * surrogate pair, so both are refused rather than changed.
 */
export function carriableString(text: string, name: string): string {
  if (text.includes('\0'))
    throw invalid(`input '${name}': a string holds a NUL character, which the runtime cannot carry`)
  if (!text.isWellFormed()) throw invalid(`input '${name}': a string is not well-formed Unicode`)
  return text
}

function parseArray(text: string, name: string): unknown[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid(`input '${name}': data is not JSON`)
  }
  if (!Array.isArray(value)) throw invalid(`input '${name}': data is not an array`)
  return value
}

/** The elements in row-major order of an array that is flat, or nested as `shape` is. */
function flatten(array: unknown[], name: string, shape: readonly number[]): unknown[] {
  const sizes = Array.isArray(array[0]) ? shape : [elementCount(shape)]
  const elements: unknown[] = []
  const walk = (value: unknown, level: number): void => {
    if (level === sizes.length) {
      elements.push(value)
      return
    }
    if (!Array.isArray(value) || value.length !== sizes[level]) {
      throw invalid(`input '${name}': data does not have the shape [${shape.join(', ')}]`)
    }
    for (const part of value) walk(part, level + 1)
  }
  walk(array, 0)
  return elements
}
