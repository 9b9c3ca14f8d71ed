export interface Cidr {
  /** The address as written, and the network it lies in, as numbers. */
  readonly address: number
  readonly network: number
  readonly prefix: number
}

/** IPv4 only; undefined when it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (match === null) return undefined
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = match.slice(1).map(Number)
  if ([a, b, c, d].some(octet => octet > 255) || prefix > 32) return undefined
  const address = ((a * 256 + b) * 256 + c) * 256 + d
  const size = 2 ** (32 - prefix)
  return { address, network: Math.floor(address / size) * size, prefix }
}

export function cidrContains(outer: string, inner: string): boolean {
  const a = parseCidr(outer)
  const b = parseCidr(inner)
  if (a === undefined || b === undefined || b.prefix < a.prefix) return false
  return b.network >= a.network && b.network < a.network + 2 ** (32 - a.prefix)
}

export function cidrsOverlap(one: string, other: string): boolean {
  return cidrContains(one, other) || cidrContains(other, one)
}

/** The address `offset` places into the range: '10.0.64.7'. */
export function addressIn(cidr: string, offset: number): string {
  const parsed = parseCidr(cidr)
  if (parsed === undefined) throw new Error(`${cidr} is no IPv4 range`)
  const address = parsed.network + (offset % 2 ** (32 - parsed.prefix))
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
}
