import type { Json } from '../engine/json.ts'

export interface FieldDifference {
  /** `.data.log_level`, `.spec.rules[0].host` */
  readonly path: string
  /** undefined: not there. */
  readonly before: Json | undefined
  readonly after: Json | undefined
}

/** The leaves in which two JSON values differ, in order of path. Empty exactly when they are equal. */
export function diffFields(
  before: Json | undefined,
  after: Json | undefined,
  path = '',
): readonly FieldDifference[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return keys.flatMap(key => diffFields(before[key], after[key], `${path}${step(key)}`))
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const longest = Math.max(before.length, after.length)
    return Array.from({ length: longest }, (_, index) =>
      diffFields(before[index], after[index], `${path}[${index}]`),
    ).flat()
  }
  return equal(before, after) ? [] : [{ path: path === '' ? '.' : path, before, after }]
}

/** `.data.log_level: DEBUG -> INFO` */
export function describeDifference({ path, before, after }: FieldDifference): string {
  return `${path}: ${show(before)} -> ${show(after)}`
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Leaves, and containers of different kinds, one of them possibly empty. */
function equal(a: Json | undefined, b: Json | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b))
}

function step(key: string): string {
  return /^[A-Za-z_][\w-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function show(value: Json | undefined): string {
  return value === undefined ? '(not set)' : typeof value === 'string' ? value : JSON.stringify(value)
}
