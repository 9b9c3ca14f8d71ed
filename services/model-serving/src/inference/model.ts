import { invalid, RequestRefused } from '../errors.ts'
import type { Tensor } from '../tensors/datatypes.ts'
import { type BatcherOptions, createBatcher } from './batcher.ts'
import { openSessionInThread } from './session-in-thread.ts'
import { matchInputs, type Signature } from './signature.ts'
import { openWarmSession, type WarmSession } from './warm-up.ts'

/** How a model is served. */
export interface ModelOptions {
  /** Rows that may run together; 1 for a model that is not batched. */
  readonly maxBatchRows: number
  readonly maxDelayMs: number
  readonly maxQueuedRequests: number
  readonly maxWaitMs: number
  /** Where the model runs: with the server, in a thread of its own, or as its measured speed suggests. */
  readonly thread: 'main' | 'own' | 'auto'
  /** Processors for one operator, where the model has a thread of its own. */
  readonly processors: number
}

/** A model that is loaded and warm. */
export interface Model {
  readonly signature: Signature
  readonly thread: 'main' | 'own'
  /** Whether it was run on made-up inputs. */
  readonly isWarm: boolean
  /** The model's outputs for a request's inputs. Throws, or rejects with, RequestRefused if it does not answer. */
  infer(inputs: readonly Tensor[], isCancelled: () => boolean): Promise<readonly Tensor[]>
  queued(): number
  /** Waits for what was accepted, then frees the memory. Nothing may be submitted afterwards. */
  close(): Promise<void>
}

// A model faster than this is run between requests: handing it to a thread would take longer. A slower one would keep
// the probes and all other models waiting.
const fastBatchMs = 1
const fastLoadMs = 250

/** Loads an ONNX file. Throws if the runtime does not take it, or if it cannot be served as the options say. */
export async function openModel(
  file: string,
  options: ModelOptions,
  onBatch: NonNullable<BatcherOptions['onBatch']>,
): Promise<Model> {
  const { session, thread, batchMs } = await open(file, options)
  const { signature } = session
  const batched = options.maxBatchRows > 1
  const batcher = createBatcher({
    maxRows: options.maxBatchRows,
    maxDelayMs: options.maxDelayMs,
    maxQueuedRequests: options.maxQueuedRequests,
    maxWaitMs: options.maxWaitMs,
    run: inputs => session.run(inputs),
    describeFailure: error => (error instanceof RequestRefused ? error : rejectedByModel(error)),
    onBatch,
  })
  return {
    signature,
    thread,
    isWarm: batchMs !== undefined,
    infer(inputs, isCancelled) {
      const matched = matchInputs(signature, inputs)
      if (batched) requireSameRows(matched)
      return batcher.submit(matched, isCancelled)
    },
    queued: batcher.queued,
    async close() {
      await batcher.idle()
      await session.close()
    },
  }
}

async function open(
  file: string,
  { thread, maxBatchRows, processors }: ModelOptions,
): Promise<WarmSession & { readonly thread: 'main' | 'own' }> {
  if (thread === 'main') return { ...(await openWarmSession(file, 1, maxBatchRows)), thread: 'main' }
  const own = await openSessionInThread(file, processors, maxBatchRows)
  const isFast = own.batchMs !== undefined && own.batchMs < fastBatchMs && own.session.loadMs < fastLoadMs
  if (thread === 'own' || !isFast) return { ...own, thread: 'own' }
  await own.session.close()
  return { ...(await openWarmSession(file, 1, maxBatchRows)), thread: 'main' }
}

function requireSameRows(inputs: readonly Tensor[]): void {
  if (inputs.length === 1) return
  const rows = inputs[0]?.shape[0]
  const other = inputs.find(({ shape }) => shape[0] !== rows)
  if (other !== undefined) {
    throw invalid(`input '${other.name}' has ${other.shape[0]} rows, but '${inputs[0]?.name}' has ${rows}`)
  }
}

/** The runtime's word on values that the model cannot work with, such as an index beyond a table. */
function rejectedByModel(error: unknown): RequestRefused {
  const message = error instanceof Error ? error.message : String(error)
  return new RequestRefused('rejected-by-model', `the model failed on this input: ${message.slice(0, 300)}`)
}
