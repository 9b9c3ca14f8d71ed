// Finds where values begin and end in JSON bytes without building them. It checks only what it needs to find an end:
// whoever uses a range, or the text around it, parses that text strictly.
import { invalid } from '../errors.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Deeper JSON than this is refused: no request needs it, and recursion over it could exhaust the stack. */
const MAX_DEPTH = 64

/** Index of the first byte at or after `at` that is not white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let next = at
  while (next < bytes.length) {
    const byte = bytes[next]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    next++
  }
  return next
}

/** Index after the value that begins at `at`. Throws RequestRefused where the text ends first or nests too deep. */
export function skipValue(bytes: Uint8Array, at: number): number {
  let depth = 0
  let next = at
  while (next < bytes.length) {
    switch (bytes[next]) {
      case QUOTE:
        next = skipString(bytes, next)
        if (depth === 0) return next
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (++depth > MAX_DEPTH) throw invalid(`the JSON nests deeper than ${MAX_DEPTH} levels`)
        next++
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        // At depth 0 it closes what holds this value: a number or word ends here.
        if (depth === 0) return next
        next++
        if (--depth === 0) return next
        break
      case COMMA:
        if (depth === 0) return next
        next++
        break
      default:
        next++
    }
  }
  if (depth > 0) throw truncated()
  return next
}

/** Index after the string whose opening quote is at `at`. */
function skipString(bytes: Uint8Array, at: number): number {
  let next = at + 1
  while (next < bytes.length) {
    const byte = bytes[next]
    if (byte === QUOTE) return next + 1
    next += byte === BACKSLASH ? 2 : 1
  }
  throw truncated()
}

/**
 * Calls `visit` with each key of the object at `at` and the index of its value; `visit` returns the index after that
 * value. A value that is not an object is skipped. Returns the index after the whole value.
 */
export function forEachMember(
  bytes: Buffer,
  at: number,
  visit: (key: string, valueAt: number) => number,
): number {
  if (bytes[at] !== OPEN_BRACE) return skipValue(bytes, at)
  let next = skipSpace(bytes, at + 1)
  while (bytes[next] === QUOTE) {
    const keyEnd = skipString(bytes, next)
    const key = keyOf(bytes, next, keyEnd)
    next = skipSpace(bytes, keyEnd)
    if (bytes[next] !== COLON) throw malformed(next)
    next = skipSpace(bytes, visit(key, skipSpace(bytes, next + 1)))
    if (bytes[next] === COMMA) next = skipSpace(bytes, next + 1)
  }
  if (next >= bytes.length) throw truncated()
  if (bytes[next] !== CLOSE_BRACE) throw malformed(next)
  return next + 1
}

/** The same for the elements of an array. */
export function forEachElement(bytes: Buffer, at: number, visit: (valueAt: number) => number): number {
  if (bytes[at] !== OPEN_BRACKET) return skipValue(bytes, at)
  let next = skipSpace(bytes, at + 1)
  while (next < bytes.length && bytes[next] !== CLOSE_BRACKET) {
    const end = skipSpace(bytes, visit(next))
    if (end === next) throw malformed(next)
    next = bytes[end] === COMMA ? skipSpace(bytes, end + 1) : end
  }
  if (next >= bytes.length) throw truncated()
  return next + 1
}

/** A key as JSON.parse would read it, so that an escaped spelling of a key is the same key. */
function keyOf(bytes: Buffer, start: number, end: number): string {
  const key = bytes.toString('latin1', start + 1, end - 1)
  if (!key.includes('\\')) return key
  try {
    return String(JSON.parse(bytes.toString('utf8', start, end)))
  } catch {
    throw malformed(start)
  }
}

function malformed(at: number): Error {
  return invalid(`the body is not JSON: unexpected text at byte ${at}`)
}

function truncated(): Error {
  return invalid('the body is not JSON: it ends too early')
}
