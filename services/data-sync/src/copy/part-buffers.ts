import { smallestPartBytes } from './parts.ts'

/**
 * Buffers of parts, used again: new ones for every part would wait for the garbage collector, which on a busy machine
 * comes too late for a process with little memory. As many are kept as were ever in use at once, which the memory
 * budget bounds.
 */
const free: Buffer[] = []

/** Of any content; parts of the usual size are used again. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes !== smallestPartBytes) return Buffer.allocUnsafe(bytes)
  return free.pop() ?? Buffer.allocUnsafeSlow(bytes)
}

/** Only when nobody reads or writes it any more: not after a call that was given up. */
export function giveBack(buffer: Buffer): void {
  if (buffer.length === smallestPartBytes) free.push(buffer)
}
