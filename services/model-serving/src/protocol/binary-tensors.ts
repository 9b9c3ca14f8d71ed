// Tensors as bytes: little-endian, row-major, without padding, as the protocol's binary extension and gRPC's raw
// contents have them. Every platform that ONNX Runtime ships for is little-endian too, so numbers are copied as they are.
import { isUtf8 } from 'node:buffer'
import { invalid } from '../errors.ts'
import { carriableString, type TensorHead } from '../json/parse-data.ts'
import { elementBytes, elementCount, newArray, type TensorData, viewOf } from '../tensors/datatypes.ts'
import { bytesOf, isNumeric } from '../tensors/memory.ts'

/** Reads a tensor's bytes. Shares memory with `bytes` where they are aligned. Throws RequestRefused if they do not fit. */
export function decodeBinary(bytes: Uint8Array, { name, datatype, shape }: TensorHead): TensorData {
  const length = elementCount(shape)
  if (datatype === 'BYTES') return decodeStrings(bytes, length, name)
  const size = elementBytes(datatype)
  if (bytes.length !== length * size) {
    throw invalid(
      `input '${name}': ${bytes.length} bytes, but the shape [${shape.join(', ')}] of ${datatype} takes ${length * size}`,
    )
  }
  if (datatype === 'BOOL' && bytes.some(byte => byte > 1))
    throw invalid(`input '${name}': a BOOL is a byte 0 or 1`)
  const { buffer, byteOffset } = bytes
  if (byteOffset % size === 0 && buffer instanceof ArrayBuffer)
    return viewOf(datatype, buffer, byteOffset, length)
  const copy = newArray(datatype, length)
  bytesOf(copy).set(bytes)
  return copy
}

/** A tensor's bytes; numbers share memory with the tensor. */
export function encodeBinary(data: TensorData): Uint8Array {
  return isNumeric(data) ? bytesOf(data) : encodeStrings(data)
}

/** Each string is a four-byte length and so many bytes, which have to be UTF-8. */
function decodeStrings(bytes: Uint8Array, length: number, name: string): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (length > buffer.length / 4) throw invalid(`input '${name}': too few bytes for ${length} strings`)
  const strings: string[] = []
  let at = 0
  for (let index = 0; index < length; index++) {
    if (at + 4 > buffer.length) throw invalid(`input '${name}': too few bytes for ${length} strings`)
    const start = at + 4
    at = start + buffer.readUInt32LE(at)
    if (at > buffer.length)
      throw invalid(`input '${name}': string ${index} is longer than the bytes that are left`)
    if (!isUtf8(buffer.subarray(start, at))) throw invalid(`input '${name}': string ${index} is not UTF-8`)
    strings.push(carriableString(buffer.toString('utf8', start, at), name))
  }
  if (at !== buffer.length)
    throw invalid(`input '${name}': ${buffer.length - at} bytes follow the last string`)
  return strings
}

function encodeStrings(strings: readonly string[]): Buffer {
  return Buffer.concat(
    strings.flatMap(text => {
      const bytes = Buffer.from(text)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return [length, bytes]
    }),
  )
}
