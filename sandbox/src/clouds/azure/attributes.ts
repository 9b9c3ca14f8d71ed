import type { Attributes } from '../../store/resource-store.ts'

/** Readers of terraform-shaped attributes: what is missing, null or of another type reads as undefined. */

export function text(attributes: Attributes, key: string): string | undefined {
  const value = attributes[key]
  return typeof value === 'string' ? value : undefined
}

/** For attributes that the schema requires; '' while terraform does not know them yet. */
export function requiredText(attributes: Attributes, key: string): string {
  return text(attributes, key) ?? ''
}

export function flag(attributes: Attributes, key: string): boolean {
  return attributes[key] === true
}

export function count(attributes: Attributes, key: string): number | undefined {
  const value = attributes[key]
  return typeof value === 'number' ? value : undefined
}

export function texts(attributes: Attributes, key: string): readonly string[] {
  const value = attributes[key]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** Nested blocks of one kind; terraform keeps even single ones in a list. */
export function blocks(attributes: Attributes, key: string): readonly Attributes[] {
  const value = attributes[key]
  return Array.isArray(value) ? value.filter(isAttributes) : []
}

export function block(attributes: Attributes, key: string): Attributes | undefined {
  return blocks(attributes, key)[0]
}

/** A map of strings: tags, labels. */
export function textMap(attributes: Attributes, key: string): Readonly<Record<string, string>> {
  const value = attributes[key]
  if (!isAttributes(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

export function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
