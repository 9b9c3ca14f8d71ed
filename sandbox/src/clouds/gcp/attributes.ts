import type { Attributes } from '../../store/resource-store.ts'

/** Typed looks into terraform-shaped attributes and JSON bodies: unknown things in, the asked type or undefined out. */
export function text(attributes: Attributes, key: string): string | undefined {
  const value = attributes[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** For attributes that the schema requires; their absence is a bug of the caller, not of a person. */
export function requiredText(attributes: Attributes, key: string): string {
  const value = text(attributes, key)
  if (value === undefined) throw new Error(`attribute ${key} is missing`)
  return value
}

export function flag(attributes: Attributes, key: string): boolean {
  return attributes[key] === true
}

export function integer(attributes: Attributes, key: string): number | undefined {
  const value = attributes[key]
  return typeof value === 'number' ? value : undefined
}

export function texts(attributes: Attributes, key: string): readonly string[] {
  const value = attributes[key]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

export function blocks(attributes: Attributes, key: string): readonly Attributes[] {
  const value = attributes[key]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** The only block of a kind, empty when there is none. */
export function block(attributes: Attributes, key: string): Attributes {
  return blocks(attributes, key)[0] ?? {}
}

export function object(attributes: Attributes, key: string): Attributes {
  const value = attributes[key]
  return isObject(value) ? value : {}
}

export function textMap(attributes: Attributes, key: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(object(attributes, key)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

export function isObject(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
