import { isUtf8 } from 'node:buffer'
import * as z from 'zod'
import { invalid } from '../errors.ts'
import { parseData } from '../json/parse-data.ts'
import { forEachElement, forEachMember, skipSpace, skipValue } from '../json/scan.ts'
import { DATATYPES, type Tensor } from '../tensors/datatypes.ts'
import { decodeBinary } from './binary-tensors.ts'

/** An inference request, whichever way it came. */
export interface InferenceRequest {
  readonly id: string | undefined
  readonly inputs: readonly Tensor[]
  /** The outputs asked for, in order; undefined for all of the model's. */
  readonly outputs: readonly RequestedOutput[] | undefined
  /** Whether outputs that say nothing else are wanted as binary data. */
  readonly binaryByDefault: boolean
}

interface RequestedOutput {
  readonly name: string
  /** Undefined: as `binaryByDefault` says. */
  readonly binary: boolean | undefined
}

/**
 * What every tensor is introduced by. ONNX Runtime takes dimensions of up to 32 bits. An empty tensor is refused: behind
 * a zero, the other dimensions cost the caller nothing and could make a model allocate without bounds.
 */
export const tensorHead = z.object({
  name: z.string().min(1).max(256),
  datatype: z.enum(DATATYPES),
  shape: z
    .array(
      z
        .int()
        .min(1)
        .max(2 ** 31 - 1),
    )
    .max(16),
})

const header = z.object({
  id: z.string().max(256).optional(),
  parameters: z.looseObject({ binary_data_output: z.boolean().optional() }).optional(),
  inputs: z
    .array(
      tensorHead.extend({
        parameters: z.looseObject({ binary_data_size: z.int().min(0).optional() }).optional(),
        /** Not the data: an index into the ranges that `liftData` cut out. */
        data: z.int().optional(),
      }),
    )
    .min(1)
    .max(256),
  outputs: z
    .array(
      z.object({
        name: z.string().min(1).max(256),
        parameters: z.looseObject({ binary_data: z.boolean().optional() }).optional(),
      }),
    )
    .max(256)
    .optional(),
})

/**
 * Reads a request. `headerBytes` is the length of its JSON part, behind which the binary tensors follow in the order
 * of the inputs; undefined when all of the body is JSON. Throws RequestRefused for all that is wrong with it.
 */
export function parseInferenceRequest(body: Buffer, headerBytes: number | undefined): InferenceRequest {
  if (headerBytes !== undefined && headerBytes > body.length) {
    throw invalid(`Inference-Header-Content-Length is ${headerBytes}, but the body has ${body.length} bytes`)
  }
  const json = headerBytes === undefined ? body : body.subarray(0, headerBytes)
  if (!isUtf8(json)) throw invalid('the JSON is not UTF-8')
  const { text, ranges } = liftData(json)
  const { id, inputs, outputs, parameters } = parseHeader(text)

  let binaryAt = json.length
  const tensors = inputs.map(({ name, datatype, shape, parameters, data }): Tensor => {
    const size = parameters?.binary_data_size
    const range = data === undefined ? undefined : ranges[data]
    if (size !== undefined && range !== undefined) {
      throw invalid(`input '${name}' has both data and binary_data_size`)
    }
    if (range !== undefined) {
      return { name, datatype, shape, data: parseData(json, range, { name, datatype, shape }) }
    }
    if (size === undefined) throw invalid(`input '${name}' has neither data nor binary_data_size`)
    if (headerBytes === undefined) {
      throw invalid(
        `input '${name}' has binary_data_size, but the request has no Inference-Header-Content-Length`,
      )
    }
    if (size > body.length - binaryAt) {
      throw invalid(
        `input '${name}': binary_data_size is ${size}, but ${body.length - binaryAt} bytes are left`,
      )
    }
    const bytes = body.subarray(binaryAt, binaryAt + size)
    binaryAt += size
    return { name, datatype, shape, data: decodeBinary(bytes, { name, datatype, shape }) }
  })
  if (binaryAt !== body.length) throw invalid(`${body.length - binaryAt} bytes follow the last binary tensor`)
  return {
    id,
    inputs: tensors,
    outputs: outputs?.map(({ name, parameters }) => ({ name, binary: parameters?.binary_data })),
    binaryByDefault: parameters?.binary_data_output ?? false,
  }
}

type Header = z.output<typeof header>

/**
 * Headers read before, by their text: a client's requests mostly differ in nothing but the data, which is not in it. An
 * id makes a text that does not come again.
 */
const known = new Map<string, Header>()
const mostKnown = 256
const longestKnown = 2048

function parseHeader(text: string): Header {
  const before = known.get(text)
  if (before !== undefined) return before
  const parsed = readHeader(text)
  if (parsed.id === undefined && text.length <= longestKnown) {
    if (known.size >= mostKnown) known.clear()
    known.set(text, parsed)
  }
  return parsed
}

function readHeader(text: string): Header {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(`the body is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  return parseOrRefuse(header, value)
}

/** What the schema makes of the value. Throws RequestRefused with what is wrong first, and where. */
export function parseOrRefuse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(`${issue?.path.join('.') || 'the request'}: ${issue?.message}`)
}

interface Range {
  readonly start: number
  readonly end: number
}

/**
 * Cuts the value of every `inputs[i].data` out of the JSON text and leaves its number in the list of ranges instead.
 * What is left is small and read by JSON.parse; the data is read from the bytes, into the array the model takes.
 */
function liftData(json: Buffer): { text: string; ranges: readonly Range[] } {
  const ranges: Range[] = []
  const liftMember = (key: string, at: number): number => {
    const end = skipValue(json, at)
    if (key === 'data') ranges.push({ start: at, end })
    return end
  }
  const liftInput = (at: number): number => forEachMember(json, at, liftMember)
  forEachMember(json, skipSpace(json, 0), (key, at) =>
    key === 'inputs' ? forEachElement(json, at, liftInput) : skipValue(json, at),
  )
  let text = ''
  let from = 0
  for (const [index, { start, end }] of ranges.entries()) {
    text += json.toString('utf8', from, start) + index
    from = end
  }
  return { text: text + json.toString('utf8', from, json.length), ranges }
}
