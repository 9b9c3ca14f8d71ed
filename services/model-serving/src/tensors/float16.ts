// IEEE 754 binary16 by hand: Node 22 has no Float16Array, and the bits have to be kept as they are in any case.
const float = new Float64Array(1)
const words = new Uint32Array(float.buffer)

/** The number that 16 bits stand for. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The nearest 16 bits to a number, ties to even; what is too large becomes infinity. */
export function toFloat16(value: number): number {
  float[0] = value
  const sign = ((words[1] ?? 0) >>> 16) & 0x8000
  if (Number.isNaN(value)) return 0x7e00
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  // Below 2^-14 the spacing stays 2^-24; above, it is 2^-10 of the power of two below the number.
  const exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude))
  const steps = roundHalfToEven(magnitude * 2 ** (10 - exponent))
  // Steps of 2048 carry into the exponent by themselves.
  return magnitude < 2 ** -14 ? sign | steps : sign | (((exponent + 14) << 10) + steps)
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}
