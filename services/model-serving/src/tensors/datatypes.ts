/** What a tensor's elements are held in. FP16 is kept as its 16 raw bits, BOOL as bytes 0 and 1, BYTES as strings. */
export type NumericArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array

export type TensorData = NumericArray | readonly string[]

/** Names in the Open Inference Protocol of what ONNX Runtime's JavaScript binding can carry (BF16 it cannot). */
export const DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const
export type Datatype = (typeof DATATYPES)[number]
export type NumericDatatype = Exclude<Datatype, 'BYTES'>

/** One named input or output. `data` is row-major and holds exactly as many elements as `shape` says. */
export interface Tensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly data: TensorData
}

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const satisfies Record<NumericDatatype, new (length: number) => NumericArray>

/** Bytes of one element. */
export function elementBytes(datatype: NumericDatatype): number {
  return ARRAYS[datatype].BYTES_PER_ELEMENT
}

export function newArray(datatype: NumericDatatype, length: number): NumericArray {
  return new ARRAYS[datatype](length)
}

/** A view, without a copy, of `length` elements at `byteOffset`, which must be a multiple of the element's size. */
export function viewOf(
  datatype: NumericDatatype,
  buffer: ArrayBuffer,
  byteOffset: number,
  length: number,
): NumericArray {
  return new ARRAYS[datatype](buffer, byteOffset, length)
}

/** How many elements a tensor of this shape has. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const dimension of shape) count *= dimension
  return count
}
