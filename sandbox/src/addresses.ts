/** Arithmetic of IPv4 addresses and ranges (RFC 4632). */
interface Range {
  readonly first: number
  readonly last: number
  readonly prefix: number
}

/** The range that an address with a prefix lies in; undefined when it is none. */
export function parseRange(cidr: string): Range | undefined {
  const [, address = '', bits = '33'] = /^([\d.]+)\/(\d{1,2})$/.exec(cidr) ?? []
  const number = toNumber(address)
  const prefix = Number(bits)
  if (number === undefined || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  const first = number - (number % size)
  return { first, last: first + size - 1, prefix }
}

/** Whether the address before the slash is the first of its range. */
export function isNetworkAddress(cidr: string): boolean {
  return parseRange(cidr)?.first === toNumber(cidr.split('/')[0] ?? '')
}

export function overlap(one: string, other: string): boolean {
  const [a, b] = [parseRange(one), parseRange(other)]
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last
}

/** Whether `inner` lies wholly inside of `outer`. */
export function contains(outer: string, inner: string): boolean {
  const [whole, part] = [parseRange(outer), parseRange(inner)]
  return whole !== undefined && part !== undefined && whole.first <= part.first && part.last <= whole.last
}

/** The address so many places after the first of a range, from its beginning again after its end. */
export function addressAt(cidr: string, offset: number): string {
  const range = parseRange(cidr)
  if (range === undefined) throw new Error(`${cidr} is no IPv4 range`)
  const number = range.first + (offset % 2 ** (32 - range.prefix))
  return [24, 16, 8, 0].map(shift => Math.floor(number / 2 ** shift) % 256).join('.')
}

function toNumber(address: string): number | undefined {
  const octets = address.split('.').map(part => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  if (octets.length !== 4 || octets.some(octet => octet > 255)) return undefined
  return octets.reduce((sum, octet) => sum * 256 + octet, 0)
}
