import { hash } from 'node:crypto'
import type { ByteRange } from '../stores/store.ts'

/** S3's limit, the lowest of the three (Google's compose has none, Azure takes 50,000 blocks). */
const mostParts = 10_000
const mebibyte = 1_048_576

/** How an object is cut. Smaller objects travel whole. */
export const smallestPartBytes = 8 * mebibyte

export interface PartPlan {
  readonly partBytes: number
  readonly count: number
}

export function planParts(bytes: number): PartPlan {
  const needed = Math.ceil(bytes / mostParts / mebibyte) * mebibyte
  const partBytes = Math.max(smallestPartBytes, needed)
  return { partBytes, count: Math.ceil(bytes / partBytes) }
}

/** Parts count from 1. */
export function rangeOfPart(number: number, plan: PartPlan, bytes: number): ByteRange {
  const start = (number - 1) * plan.partBytes
  return { start, length: Math.min(plan.partBytes, bytes - start) }
}

/**
 * The content hash of an object that travelled in parts, `PARTBYTES:HEX`: the SHA-256 of its parts' SHA-256 sums, in
 * order. Unlike one running hash it can be computed by parts that arrive in any order, and after an interruption.
 */
export function hashOfParts(partSums: readonly Buffer[], plan: PartPlan): string {
  return `${plan.partBytes}:${hash('sha256', Buffer.concat(partSums), 'hex')}`
}
