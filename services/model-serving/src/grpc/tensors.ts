import { isUtf8 } from 'node:buffer'
import * as z from 'zod'
import { invalid } from '../errors.ts'
import { carriableString, type TensorHead } from '../json/parse-data.ts'
import { type Datatype, elementCount, type Tensor, type TensorData } from '../tensors/datatypes.ts'
import { isNumeric } from '../tensors/memory.ts'

/** The field of InferTensorContents that holds a datatype's elements; FP16 has none. */
const FIELDS = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
} as const satisfies Record<Exclude<Datatype, 'FP16'>, string>

/** As the protobuf library reads it: 64-bit integers are decimal strings. */
export const contentsSchema = z.object({
  bool_contents: z.array(z.boolean()),
  int_contents: z.array(z.number()),
  int64_contents: z.array(z.string()),
  uint_contents: z.array(z.number()),
  uint64_contents: z.array(z.string()),
  fp32_contents: z.array(z.number()),
  fp64_contents: z.array(z.number()),
  bytes_contents: z.array(z.instanceof(Buffer)),
})
export type Contents = z.output<typeof contentsSchema>

/** The elements of a tensor sent in the field of its datatype. Throws RequestRefused if they do not fit. */
export function fromContents(contents: Contents | null, head: TensorHead): TensorData {
  const { name, datatype, shape } = head
  if (datatype === 'FP16') throw invalid(`input '${name}': FP16 has to be sent in raw_input_contents`)
  const field = FIELDS[datatype]
  const used = Object.entries(contents ?? {}).find(
    ([other, elements]) => other !== field && elements.length > 0,
  )
  if (used !== undefined) throw invalid(`input '${name}': ${datatype} belongs into ${field}, not ${used[0]}`)
  const length = contents?.[field].length ?? 0
  if (length !== elementCount(shape)) {
    throw invalid(
      `input '${name}': ${length} elements, but the shape [${shape.join(', ')}] takes ${elementCount(shape)}`,
    )
  }
  if (contents === null) throw invalid(`input '${name}' has no contents`)
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(contents.bool_contents, Number)
    case 'INT8':
      return inRange(Int8Array.from(contents.int_contents), contents.int_contents, head)
    case 'INT16':
      return inRange(Int16Array.from(contents.int_contents), contents.int_contents, head)
    case 'INT32':
      return Int32Array.from(contents.int_contents)
    case 'INT64':
      return BigInt64Array.from(contents.int64_contents, BigInt)
    case 'UINT8':
      return inRange(Uint8Array.from(contents.uint_contents), contents.uint_contents, head)
    case 'UINT16':
      return inRange(Uint16Array.from(contents.uint_contents), contents.uint_contents, head)
    case 'UINT32':
      return Uint32Array.from(contents.uint_contents)
    case 'UINT64':
      return BigUint64Array.from(contents.uint64_contents, BigInt)
    case 'FP32':
      return Float32Array.from(contents.fp32_contents)
    case 'FP64':
      return Float64Array.from(contents.fp64_contents)
    case 'BYTES':
      return contents.bytes_contents.map(bytes => {
        if (!isUtf8(bytes)) throw invalid(`input '${name}': a string is not UTF-8`)
        return carriableString(bytes.toString(), name)
      })
  }
}

/** Small integers travel in 32 bits: what they lost on the way into 8 or 16 does not fit. */
function inRange<Data extends Int8Array | Int16Array | Uint8Array | Uint16Array>(
  data: Data,
  sent: readonly number[],
  { name, datatype }: TensorHead,
): Data {
  const misfit = sent.find((element, index) => element !== data[index])
  if (misfit !== undefined) throw invalid(`input '${name}': ${misfit} does not fit ${datatype}`)
  return data
}

/** A tensor's elements for the field of its datatype; undefined for FP16. */
export function toContents({
  datatype,
  data,
}: Tensor): Partial<Record<keyof Contents, unknown[]>> | undefined {
  if (datatype === 'FP16') return undefined
  if (!isNumeric(data)) return { bytes_contents: data.map(text => Buffer.from(text)) }
  if (datatype === 'BOOL' && data instanceof Uint8Array)
    return { bool_contents: Array.from(data, byte => byte !== 0) }
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array
  return { [FIELDS[datatype]]: isBig ? Array.from(data, String) : [...data] }
}
