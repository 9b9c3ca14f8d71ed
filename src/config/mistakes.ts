import * as z from 'zod'
import type { Path } from './source.ts'
import { suggest } from './suggest.ts'

/** One thing wrong with a configuration, in words; where it stands in a file is the source's to say. */
export interface Mistake {
  readonly path: Path
  /** The key itself is wrong, not what stands behind it. */
  readonly atKey: boolean
  readonly found: string
  readonly allowed: string
}

/** What zod found wrong with `data`, each issue as one mistake (one for every unknown key). */
export function mistakesOf(error: z.ZodError, schema: z.ZodType, data: unknown): Mistake[] {
  return error.issues.flatMap(issue => ofIssue(issue, [], schema, data))
}

function ofIssue(issue: z.core.$ZodIssue, above: Path, schema: z.ZodType, data: unknown): Mistake[] {
  const path = [...above, ...issue.path.filter(part => typeof part !== 'symbol')]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    return issue.keys.map(key => unknownKey([...path, key], key, known))
  }
  const inside = issue.code === 'invalid_union' ? issue.errors.find(isInside) : undefined
  if (inside !== undefined) return inside.flatMap(inner => ofIssue(inner, path, schema, data))
  const value = valueAt(data, path)
  return [{ path, atKey: false, found: show(value), allowed: allowedBy(issue, value) }]
}

/** Of a union's members, the one that is a mapping like the value: what is wrong is in the mapping, not that it is one. */
function isInside(issues: readonly z.core.$ZodIssue[]): boolean {
  return issues.every(({ code, path }) => code === 'unrecognized_keys' || path.length > 0)
}

/** A value as it was found, short enough for a line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'nothing (an empty value)'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

export function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.entries(value).find(([key]) => key === String(part))?.[1]
  }
  return value
}

function unknownKey(path: Path, key: string, known: readonly string[]): Mistake {
  const meant = suggest(key, known)
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return { path, atKey: true, found: 'an unknown key', allowed: `${known.join(', ')}${hint}` }
}

function allowedBy(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === 'invalid_union') return allowedByUnion(issue)
  if (issue.code === 'invalid_type' && issue.expected === 'object') return 'a mapping (lines of `key: value`)'
  const quotes = issue.code === 'invalid_type' && issue.expected === 'string' && typeof value === 'number'
  return quotes && !issue.message.includes('quotes') ? `${issue.message}, in quotes` : issue.message
}

/** The choices of a union's members. */
function allowedByUnion(issue: z.core.$ZodIssueInvalidUnion): string {
  const messages = issue.errors.flatMap(issues => issues.filter(({ code }) => code === 'invalid_value'))
  return messages[0]?.message ?? 'another value'
}

/** Keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let at: unknown = unwrap(schema)
  for (const part of path) at = at instanceof z.ZodObject ? unwrap(at.shape[String(part)]) : undefined
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return unwrap(schema.unwrap())
  // Of a union only one member is a mapping.
  if (schema instanceof z.ZodUnion) return schema.options.find(option => option instanceof z.ZodObject)
  return schema
}
