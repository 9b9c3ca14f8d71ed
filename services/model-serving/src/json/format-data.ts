import { RequestRefused } from '../errors.ts'
import type { Tensor } from '../tensors/datatypes.ts'
import { fromFloat16 } from '../tensors/float16.ts'

/**
 * A tensor's data as a flat JSON array. Integers of 64 bits are written in full.
 * Throws RequestRefused where JSON has no word for an element: NaN and the infinities.
 */
export function formatData({ name, datatype, data }: Tensor): string {
  if (data instanceof Float32Array || data instanceof Float64Array) return formatFloats(name, data)
  if (datatype === 'FP16' && data instanceof Uint16Array) {
    return formatFloats(name, Float64Array.from(data, fromFloat16))
  }
  if (datatype === 'BOOL' && data instanceof Uint8Array)
    return `[${Array.from(data, byte => byte !== 0).join()}]`
  return ArrayBuffer.isView(data) ? `[${data.join()}]` : JSON.stringify(data)
}

function formatFloats(name: string, data: Float32Array | Float64Array): string {
  for (const element of data) {
    if (!Number.isFinite(element)) {
      throw new RequestRefused(
        'not-representable',
        `output '${name}' holds NaN or an infinity, for which JSON has no word; ask for it with "binary_data": true`,
      )
    }
  }
  return `[${data.join()}]`
}
