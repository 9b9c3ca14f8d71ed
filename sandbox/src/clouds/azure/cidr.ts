/** IPv4 ranges, as far as Azure's checks need them. */
interface Range {
  readonly first: number
  readonly last: number
}

function parse(cidr: string): Range | undefined {
  const [, address, bits] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr) ?? []
  if (address === undefined || bits === undefined) return undefined
  const start = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
  const size = 2 ** (32 - Number(bits))
  const first = start - (start % size)
  return { first, last: first + size - 1 }
}

export function overlaps(a: string, b: string): boolean {
  const [left, right] = [parse(a), parse(b)]
  return left !== undefined && right !== undefined && left.first <= right.last && right.first <= left.last
}

/** Is `inner` wholly inside of `outer`? */
export function contains(outer: string, inner: string): boolean {
  const [whole, part] = [parse(outer), parse(inner)]
  return whole !== undefined && part !== undefined && whole.first <= part.first && part.last <= whole.last
}

/** The address at `offset` from the range's start. */
export function addressAt(cidr: string, offset: number): string {
  const value = (parse(cidr)?.first ?? 0) + offset
  return [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join('.')
}
