import { Decoder, Encoder, ExtData, ExtensionCodec } from '@msgpack/msgpack'
import type { BlockSchema, CtyType, NestedBlockSchema } from './schema.ts'

class Unknown {
  /** Decoded and encoded as terraform's "(known after apply)". */
  readonly kind = 'unknown'
}

/** The one unknown value. */
export const unknown = Object.freeze(new Unknown())

/** A terraform value; sets are arrays. */
export type Value = null | boolean | number | string | Unknown | readonly Value[] | ValueObject
export interface ValueObject {
  readonly [name: string]: Value
}

export function isUnknown(value: unknown): value is Unknown {
  return value instanceof Unknown
}

export function isObject(value: Value | undefined): value is ValueObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isUnknown(value)
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value)
}

export function isWhollyKnown(value: Value): boolean {
  if (isUnknown(value)) return false
  if (isList(value)) return value.every(isWhollyKnown)
  return isObject(value) ? Object.values(value).every(isWhollyKnown) : true
}

/** A behaviour gave a value that the official schema does not allow; a mistake in the sandbox itself. */
class ValueError extends Error {
  constructor(path: string, message: string) {
    super(`${path === '' ? 'the resource' : path}: ${message}`)
    this.name = 'ValueError'
  }
}

/**
 * A plain value in the shape that the schema's block asks for: missing attributes null, missing list and set blocks
 * empty. Throws ValueError on a value or an attribute that the schema lacks; names that start with '_' are the
 * sandbox's own and are left out.
 */
export function conformBlock(block: BlockSchema, value: unknown, path = ''): ValueObject {
  if (!isRecord(value)) throw new ValueError(path, 'is not an object')
  for (const name of Object.keys(value)) {
    if (
      !name.startsWith('_') &&
      block.attributes[name] === undefined &&
      block.block_types[name] === undefined
    )
      throw new ValueError(join(path, name), 'the official schema has no such attribute')
  }
  const attributes = Object.entries(block.attributes).map(
    ([name, attribute]) => [name, conform(attribute.type, value[name], join(path, name))] as const,
  )
  const blocks = Object.entries(block.block_types).map(
    ([name, nested]) => [name, conformNested(nested, value[name], join(path, name))] as const,
  )
  return Object.fromEntries([...attributes, ...blocks])
}

function conformNested(nested: NestedBlockSchema, value: unknown, path: string): Value {
  if (isUnknown(value)) return unknown
  if (nested.nesting_mode === 'single')
    return value === null || value === undefined ? null : conformBlock(nested.block, value, path)
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw new ValueError(path, 'is a block, so it must be an array of objects')
  return value.map((item, index) =>
    isUnknown(item) ? unknown : conformBlock(nested.block, item, join(path, String(index))),
  )
}

function conform(type: CtyType, value: unknown, path: string): Value {
  if (value === null || value === undefined) return null
  if (isUnknown(value)) return unknown
  if (type === 'string' || type === 'bool') {
    const wanted = type === 'bool' ? 'boolean' : 'string'
    if (typeof value === wanted && (typeof value === 'string' || typeof value === 'boolean')) return value
    throw new ValueError(path, `is ${typeof value}, the official schema says ${type}`)
  }
  if (type === 'number') {
    // Numbers that neither an int64 nor a float64 holds travel as strings.
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number === 'number' && !Number.isNaN(number)) return number
    throw new ValueError(path, `is ${typeof value}, the official schema says number`)
  }
  if (type[0] === 'object') {
    if (!isRecord(value)) throw new ValueError(path, 'is not an object')
    const fields = type[1]
    for (const name of Object.keys(value))
      if (fields[name] === undefined)
        throw new ValueError(join(path, name), 'the official schema has no such attribute')
    return Object.fromEntries(
      Object.entries(fields).map(([name, field]) => [name, conform(field, value[name], join(path, name))]),
    )
  }
  const element = type[1]
  if (type[0] === 'map') {
    if (!isRecord(value)) throw new ValueError(path, 'is not a map')
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, conform(element, item, join(path, key))]),
    )
  }
  if (!Array.isArray(value))
    throw new ValueError(path, `is not an array, the official schema says ${type[0]}`)
  return value.map((item, index) => conform(element, item, join(path, String(index))))
}

/** Keeps what an older provider version wrote and this schema still knows; used for state and stored resources. */
export function dropForeign(block: BlockSchema, value: unknown): unknown {
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const nested = block.block_types[name]
      if (nested !== undefined) {
        const items = Array.isArray(item)
          ? item.map(one => dropForeign(nested.block, one))
          : dropForeign(nested.block, item)
        return [[name, items]]
      }
      return block.attributes[name] === undefined ? [] : [[name, item]]
    }),
  )
}

/** What a behaviour sees: plain data with the unknown values missing. */
export function withoutUnknown(value: ValueObject): Record<string, unknown> {
  const plain = (item: Value): unknown => {
    if (isList(item)) return item.filter(one => !isUnknown(one)).map(plain)
    return isObject(item) ? withoutUnknown(item) : item
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => !isUnknown(item))
      .map(([name, item]) => [name, plain(item)]),
  )
}

// go-cty: extension 0 is an unknown value, 12 one with refinements, which need not be kept.
const extensionCodec = new ExtensionCodec()
for (const type of [0, 12]) {
  extensionCodec.register({
    type,
    encode: () => null,
    decode: () => unknown,
  })
}

const encoder = new Encoder({ extensionCodec })
const decoder = new Decoder({ extensionCodec })

export function encodeValue(value: Value): Uint8Array {
  return encoder.encode(forWire(value))
}

function forWire(value: Value): unknown {
  if (isUnknown(value)) return new ExtData(0, new Uint8Array([0]))
  if (isList(value)) return value.map(forWire)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, forWire(item)]))
}

/** The value terraform sent, in the shape of the block; null for "no such resource". */
export function decodeValue(block: BlockSchema, bytes: Uint8Array): ValueObject | null {
  const value = decoder.decode(bytes)
  return value === null || value === undefined ? null : conformBlock(block, value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isUnknown(value)
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
