/** An IPv4 range; both ends belong to it. */
export interface Range {
  readonly first: number
  readonly last: number
  readonly prefix: number
}

/** Undefined when it is no CIDR range, or when bits are set behind the prefix (10.0.0.1/16). */
export function parseCidr(text: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (match === null) return undefined
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number)
  if (prefix > 32 || [a, b, c, d].some(octet => octet > 255)) return undefined
  const first = ((a * 256 + b) * 256 + c) * 256 + d
  const size = 2 ** (32 - prefix)
  return first % size === 0 ? { first, last: first + size - 1, prefix } : undefined
}

export function overlaps(one: Range, other: Range): boolean {
  return one.first <= other.last && other.first <= one.last
}

export function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

export function sizeOf(range: Range): number {
  return range.last - range.first + 1
}
