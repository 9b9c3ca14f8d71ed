// The only importer of onnxruntime-node.
import './no-telemetry.ts'
import { Tensor as OnnxTensor } from 'onnxruntime-node'
// Not the package's InferenceSession, which waits for another turn of the event loop before each run and looks all its
// arguments over once more: a third of what running a small model costs.
import { type Binding, binding, initOrt } from 'onnxruntime-node/dist/binding.js'
import type { Datatype, Tensor, TensorData } from '../tensors/datatypes.ts'
import type { Signature, TensorSpec } from './signature.ts'

/** A model in memory, in this thread or in one of its own. */
export interface Session {
  readonly signature: Signature
  /** How long the runtime took to load it. */
  readonly loadMs: number
  /**
   * Runs the model on inputs in the signature's order: its outputs in the signature's order. At once where the model is
   * in this thread, which may throw.
   */
  run(inputs: readonly Tensor[]): Promise<readonly Tensor[]> | readonly Tensor[]
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

/** ONNX's numbers of them (TensorProto.DataType). */
const ONNX_NUMBERS: readonly (Datatype | undefined)[] = [
  undefined,
  'FP32',
  'UINT8',
  'INT8',
  'UINT16',
  'INT16',
  'INT32',
  'INT64',
  'BYTES',
  'BOOL',
  'FP16',
  'FP64',
  'UINT32',
  'UINT64',
]

/**
 * Loads an ONNX file into this thread, where both loading and running hold up everything else.
 * `threads` is how many the runtime may use for one operator. Throws what the runtime says of a file it cannot serve.
 */
export function openSession(file: string, threads: number): Session {
  const startedAt = performance.now()
  initOrt()
  const session = new binding.InferenceSession()
  session.loadModel(file, {
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
  // All of them, made by the runtime.
  const fetches = Object.fromEntries(signature.outputs.map(({ name }) => [name, null]))
  return {
    signature,
    loadMs: performance.now() - startedAt,
    run(inputs) {
      const feeds: Record<string, OnnxTensor> = {}
      for (const tensor of inputs) feeds[tensor.name] = toOnnx(tensor)
      const results = session.run(feeds, fetches, {})
      return signature.outputs.map(({ name, datatype }) => {
        const result = results[name]
        if (result === undefined) throw new Error(`the runtime returned no output '${name}'`)
        return { name, datatype, shape: result.dims, data: fromOnnx(result, datatype) }
      })
    },
    close: async () => session.dispose(),
  }
}

function specOf({ name, isTensor, type, shape }: Binding.ValueMetadata): TensorSpec {
  if (!isTensor) {
    throw new Error(`'${name}' is not a tensor; a scikit-learn model has to be converted with zipmap=False`)
  }
  const datatype = ONNX_NUMBERS[type]
  if (datatype === undefined)
    throw new Error(`'${name}' is of ONNX's type ${type}, which the protocol cannot carry`)
  return { name, datatype, shape }
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
