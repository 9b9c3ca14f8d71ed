import { elementCount, newArray, type Tensor, type TensorData } from '../tensors/datatypes.ts'
import { bytesOf, isNumeric } from '../tensors/memory.ts'

/** Whether two requests' inputs, both in the model's order, differ in nothing but their rows. */
export function sameRowShape(one: readonly Tensor[], other: readonly Tensor[]): boolean {
  for (let input = 0; input < one.length; input++) {
    const shape = one[input]?.shape ?? []
    const otherShape = other[input]?.shape ?? []
    if (shape.length !== otherShape.length) return false
    for (let axis = 1; axis < shape.length; axis++) if (shape[axis] !== otherShape[axis]) return false
  }
  return true
}

/** Puts requests' inputs one after another along the first dimension. All have the same row shape. */
export function concatenate(requests: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first = []] = requests
  return first.map((head, input) => {
    const parts = requests.flatMap(inputs => inputs[input] ?? [])
    const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 1), 0)
    const shape = [rows, ...head.shape.slice(1)]
    return { ...head, shape, data: join(head, parts, elementCount(shape)) }
  })
}

function join({ datatype }: Tensor, parts: readonly Tensor[], length: number): TensorData {
  if (datatype === 'BYTES') return parts.flatMap(({ data }) => (isNumeric(data) ? [] : data))
  const joined = newArray(datatype, length)
  const bytes = bytesOf(joined)
  let at = 0
  for (const { data } of parts) {
    if (!isNumeric(data)) continue
    bytes.set(bytesOf(data), at)
    at += data.byteLength
  }
  return joined
}

/** Cuts outputs into parts of so many rows each, sharing memory. Throws if an output does not have a row per input row. */
export function split(outputs: readonly Tensor[], rowsOf: readonly number[]): readonly (readonly Tensor[])[] {
  const totalRows = rowsOf.reduce((sum, rows) => sum + rows, 0)
  for (const { name, shape } of outputs) {
    if (shape[0] !== totalRows) {
      throw new Error(
        `output '${name}' has ${shape[0] ?? 'no'} rows for a batch of ${totalRows}: the model cannot be batched`,
      )
    }
  }
  const cuts = outputs.map(({ name, datatype, shape, data }) => ({
    ...{ name, datatype, data },
    rowShape: shape.slice(1),
    perRow: data.length / totalRows,
  }))
  let row = 0
  return rowsOf.map(rows => {
    const from = row
    row += rows
    return cuts.map(({ name, datatype, data, rowShape, perRow }) => ({
      name,
      datatype,
      shape: [rows, ...rowShape],
      data: slice(data, from * perRow, row * perRow),
    }))
  })
}

function slice(data: TensorData, start: number, end: number): TensorData {
  return isNumeric(data) ? data.subarray(start, end) : data.slice(start, end)
}
