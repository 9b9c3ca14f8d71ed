import { createHash, createHmac } from 'node:crypto'
import type { Json, JsonObject } from './json.ts'

const marker = '$secret'
const hashed = '$secretHash'

/** Marks an input whose value must not be written down; a change of it is still noticed, by a keyed hash. */
export function secretInput(value: string): JsonObject {
  return { [marker]: value }
}

/** The inputs as they may be written down: each secret one as a hash under `key`. */
export function withoutSecrets(inputs: Json, key: Buffer): Json {
  if (isList(inputs)) return inputs.map(item => withoutSecrets(item, key))
  if (!isObject(inputs)) return inputs
  const secret = inputs[marker]
  if (typeof secret === 'string') {
    return { [hashed]: createHmac('sha256', key).update(secret).digest('hex') }
  }
  return mapValues(inputs, value => withoutSecrets(value, key))
}

/** The same text for the same value, whatever the order of its keys; keys without a value do not count. */
export function canonicalJson(value: Json): string {
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const fields = Object.entries(value)
    .flatMap(([key, field]) => (field === undefined ? [] : [[key, field] as const]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`
}

export function hashOf(value: Json): string {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`
}

/**
 * What differs between two inputs, in words, one line a leaf: `nodes.max 10 -> 12`. Long values are cut; secret ones
 * only said to differ.
 */
export function describeChanges(before: Json, after: Json, path = ''): readonly string[] {
  if (canonicalJson(before) === canonicalJson(after)) return []
  const name = path === '' ? 'inputs' : path
  if (isObject(before) && isObject(after)) {
    if (hashed in before || hashed in after) return [`${name} (a secret) changed`]
    const keys = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...keys].sort().flatMap(key => {
      const inner = path === '' ? key : `${path}.${key}`
      const [from, to] = [own(before, key), own(after, key)]
      if (from === undefined) return to === undefined ? [] : [`${inner} added: ${brief(to)}`]
      if (to === undefined) return [`${inner} removed`]
      return describeChanges(from, to, inner)
    })
  }
  if (isList(before) && isList(after) && before.length === after.length) {
    return before.flatMap((item, index) => describeChanges(item, after[index] ?? null, `${name}[${index}]`))
  }
  return [`${name} ${brief(before)} -> ${brief(after)}`]
}

/** A key such as `toString` must not be found on every object. */
function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function brief(value: Json): string {
  if (isObject(value) && hashed in value) return '(a secret)'
  const text = typeof value === 'string' ? value : canonicalJson(value)
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapValues(object: JsonObject, change: (value: Json) => Json): JsonObject {
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, value]) => (value === undefined ? [] : [[key, change(value)]])),
  )
}
