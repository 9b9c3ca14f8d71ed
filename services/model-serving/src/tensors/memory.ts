import type { NumericArray, TensorData } from './datatypes.ts'

export function isNumeric(data: TensorData): data is NumericArray {
  return ArrayBuffer.isView(data)
}

/** The same memory as bytes. */
export function bytesOf(data: NumericArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
