// The only importer of onnxruntime-node.
import './no-telemetry.ts'
import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import { DATATYPES, type Datatype, type Tensor, type TensorData } from '../tensors/datatypes.ts'
import type { Signature, TensorSpec } from './signature.ts'

/** A model in memory, in this thread or in one of its own. */
export interface Session {
  readonly signature: Signature
  /** How long the runtime took to load it. */
  readonly loadMs: number
  /** Runs the model on inputs in the signature's order; resolves to its outputs in the signature's order. */
  run(inputs: readonly Tensor[]): Promise<readonly Tensor[]>
  /** Frees the model. Nothing may be running. */
  close(): Promise<void>
}

const ONNX_TYPES = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, OnnxTensor.Type>

/**
 * Loads an ONNX file into this thread, where both loading and running hold up everything else.
 * `threads` is how many the runtime may use for one operator. Throws what the runtime says of a file it cannot serve.
 */
export async function openSession(file: string, threads: number): Promise<Session> {
  const startedAt = performance.now()
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Threads that spin between batches would take the processor from the ones that serve.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
  const signature: Signature = {
    inputs: session.inputMetadata.map(specOf),
    outputs: session.outputMetadata.map(specOf),
  }
  return {
    signature,
    loadMs: performance.now() - startedAt,
    async run(inputs) {
      const feeds: Record<string, OnnxTensor> = {}
      for (const tensor of inputs) feeds[tensor.name] = toOnnx(tensor)
      const results = await session.run(feeds)
      return signature.outputs.map(({ name, datatype }) => {
        const result = results[name]
        if (result === undefined) throw new Error(`the runtime returned no output '${name}'`)
        return { name, datatype, shape: result.dims, data: fromOnnx(result, datatype) }
      })
    },
    close: () => session.release(),
  }
}

function specOf(metadata: InferenceSession.ValueMetadata): TensorSpec {
  const { name } = metadata
  if (!metadata.isTensor) {
    throw new Error(`'${name}' is not a tensor; a scikit-learn model has to be converted with zipmap=False`)
  }
  const datatype = DATATYPES.find(candidate => ONNX_TYPES[candidate] === metadata.type)
  if (datatype === undefined)
    throw new Error(`'${name}' is of type ${metadata.type}, which the protocol cannot carry`)
  return { name, datatype, shape: metadata.shape.map(size => (typeof size === 'number' ? size : -1)) }
}

function toOnnx({ datatype, data, shape }: Tensor): OnnxTensor {
  if (datatype !== 'FP16') return new OnnxTensor(ONNX_TYPES[datatype], data, shape)
  // Where there is a Float16Array, the constructor would make one of these bits, and the binding (1.30, Node 24) would
  // then take it for empty. It reads the bits as they are once the tensor is called float16 afterwards.
  const tensor = new OnnxTensor('uint16', data, shape)
  return Object.defineProperty(tensor, 'type', { value: 'float16' })
}

function fromOnnx({ data }: OnnxTensor, datatype: Datatype): TensorData {
  if (Array.isArray(data)) return data
  // FP16 comes as a Float16Array where the platform has one; its bits are what is wanted.
  return datatype === 'FP16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data
}
