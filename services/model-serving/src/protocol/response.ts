import { formatData } from '../json/format-data.ts'
import type { Tensor } from '../tensors/datatypes.ts'
import { encodeBinary } from './binary-tensors.ts'
import type { InferenceRequest } from './request.ts'

export interface EncodedResponse {
  readonly body: string | Buffer
  /** Length of the JSON part where binary tensors follow it; undefined when all of the body is JSON. */
  readonly headerBytes: number | undefined
}

/**
 * The answer to a request, with the outputs in the order asked for. Throws RequestRefused if an output cannot be said in
 * the form asked for. The JSON is put together by hand: a serializer would first need the data as arrays of numbers.
 */
export function encodeInferenceResponse(
  model: { readonly name: string; readonly version: string },
  request: InferenceRequest,
  outputs: readonly Tensor[],
): EncodedResponse {
  const binaryParts: Uint8Array[] = []
  let described = ''
  for (const [index, output] of outputs.entries()) {
    const binary = request.outputs?.[index]?.binary ?? request.binaryByDefault
    let content: string
    if (binary) {
      const bytes = encodeBinary(output.data)
      binaryParts.push(bytes)
      content = `"parameters":{"binary_data_size":${bytes.length}}`
    } else content = `"data":${formatData(output)}`
    const { name, datatype, shape } = output
    const comma = index === 0 ? '' : ','
    described += `${comma}{"name":${quoted(name)},"datatype":"${datatype}","shape":[${shape.join()}],${content}}`
  }
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`
  const json = `{"model_name":${quoted(model.name)},"model_version":${quoted(model.version)},${id}"outputs":[${described}]}`
  if (binaryParts.length === 0) return { body: json, headerBytes: undefined }
  const header = Buffer.from(json)
  return { body: Buffer.concat([header, ...binaryParts]), headerBytes: header.length }
}

const known = new Map<string, string>()

/** A name as JSON. Models and their outputs are few, but are named in every answer. */
function quoted(name: string): string {
  let text = known.get(name)
  if (text === undefined) {
    text = JSON.stringify(name)
    if (known.size < 1000) known.set(name, text)
  }
  return text
}
