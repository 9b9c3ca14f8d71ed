/** Castagnoli's polynomial, bits reversed, x^32 left out (RFC 3720, appendix B.4). */
const polynomial = 0x82f63b78

/**
 * The CRC-32C of two contents one after the other, from the CRC-32C of each and the second's length in bytes. A CRC is
 * the remainder of a polynomial division, so the first one only has to be shifted by the second's length:
 * `first * x^(8 * bytes) mod polynomial`, plus the second.
 */
export function combineCrc32c(first: number, second: number, secondBytes: number): number {
  return (multiply(first, powerOfX(secondBytes)) ^ second) >>> 0
}

/** x^(8 * bytes) mod the polynomial, by squaring. */
function powerOfX(bytes: number): number {
  let power = 0x80000000
  let square = 0x00800000
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(power, square)
    square = multiply(square, square)
  }
  return power
}

/** The product of two polynomials modulo the third; the highest bit is the coefficient of x^0. */
function multiply(one: number, other: number): number {
  let product = 0
  let shifted = other
  for (let mask = 0x80000000; mask !== 0; mask >>>= 1) {
    if ((one & mask) !== 0) product ^= shifted
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ polynomial
  }
  return product >>> 0
}
