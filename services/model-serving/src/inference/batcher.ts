import { RequestRefused } from '../errors.ts'
import type { Tensor } from '../tensors/datatypes.ts'
import { concatenate, sameRowShape, split } from './batch.ts'

export interface BatcherOptions {
  /** Rows (first dimension) run together at most; 1 runs every request alone. */
  readonly maxRows: number
  /** How long a request may wait for company. 0: only for what arrives in the same turn of the event loop. */
  readonly maxDelayMs: number
  /** Requests that may wait; one more is refused as overloaded. */
  readonly maxQueuedRequests: number
  /** A request that has waited longer than this is refused instead of run. */
  readonly maxWaitMs: number
  readonly run: (inputs: readonly Tensor[]) => Promise<readonly Tensor[]> | readonly Tensor[]
  /** What a request is told that the model failed on. Without it, what `run` threw. */
  readonly describeFailure?: (error: unknown) => unknown
  /** Told of every run of the model, for metrics. */
  readonly onBatch?: (requests: number, rows: number, tookMs: number) => void
}

export interface Batcher {
  /**
   * Runs the inputs, alone or with others of the same shape. `isCancelled` is asked before the run: nobody waits for
   * the answer any more. Rejects with RequestRefused when the queue is full or the wait was too long.
   */
  submit(inputs: readonly Tensor[], isCancelled: () => boolean): Promise<readonly Tensor[]>
  /** Requests that wait, without those that run. */
  queued(): number
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>
}

interface Waiting {
  readonly inputs: readonly Tensor[]
  readonly rows: number
  readonly since: number
  readonly isCancelled: () => boolean
  readonly resolve: (outputs: readonly Tensor[]) => void
  readonly reject: (reason: unknown) => void
}

export function createBatcher(options: BatcherOptions): Batcher {
  const { maxRows, maxDelayMs, maxQueuedRequests, maxWaitMs, run, describeFailure, onBatch } = options
  let queue: Waiting[] = []
  let queuedRows = 0
  let isRunning = false
  /** The pending dispatch: at the end of this turn of the event loop, or when the oldest request has waited enough. */
  let immediate: NodeJS.Immediate | undefined
  let timer: NodeJS.Timeout | undefined
  let averageMsPerRequest = 0
  let idleWaiters: (() => void)[] = []

  function submit(inputs: readonly Tensor[], isCancelled: () => boolean): Promise<readonly Tensor[]> {
    if (queue.length >= maxQueuedRequests) {
      const seconds = Math.max(1, Math.ceil((queue.length * averageMsPerRequest) / 1000))
      return Promise.reject(
        new RequestRefused('overloaded', `${queue.length} requests wait for this model`, seconds),
      )
    }
    return new Promise((resolve, reject) => {
      const rows = maxRows === 1 ? 1 : (inputs[0]?.shape[0] ?? 1)
      queue.push({ inputs, rows, since: performance.now(), isCancelled, resolve, reject })
      queuedRows += rows
      schedule()
    })
  }

  function schedule(): void {
    if (isRunning || immediate !== undefined || queue[0] === undefined) return
    const waitMs =
      maxDelayMs === 0 || queuedRows >= maxRows ? 0 : queue[0].since + maxDelayMs - performance.now()
    if (waitMs <= 0) {
      clearTimeout(timer)
      timer = undefined
      immediate = setImmediate(dispatch)
    } else timer ??= setTimeout(dispatch, waitMs)
  }

  async function dispatch(): Promise<void> {
    immediate = undefined
    timer = undefined
    const startedAt = performance.now()
    const batch = takeBatch(startedAt)
    if (batch.length > 0) {
      isRunning = true
      await runBatch(batch)
      averageMsPerRequest += ((performance.now() - startedAt) / batch.length - averageMsPerRequest) / 8
      isRunning = false
    }
    if (queue.length > 0) return schedule()
    for (const resolve of idleWaiters) resolve()
    idleWaiters = []
  }

  /** Removes from the queue the oldest request and those behind it that can be run with it. */
  function takeBatch(now: number): readonly Waiting[] {
    const all = queue
    if (canRunTogether(all, now)) {
      queue = []
      queuedRows = 0
      return all
    }
    const batch: Waiting[] = []
    const rest: Waiting[] = []
    let rows = 0
    let isFull = false
    for (const request of all) {
      if (isFull) rest.push(request)
      else if (request.isCancelled()) request.reject(new RequestRefused('cancelled', 'the caller went away'))
      else if (now - request.since > maxWaitMs) {
        request.reject(
          new RequestRefused('overloaded', `waited longer than ${maxWaitMs} ms for this model`, 1),
        )
      } else if (batch[0] === undefined) {
        batch.push(request)
        rows = request.rows
        isFull = rows >= maxRows
      } else if (rows + request.rows > maxRows) {
        rest.push(request)
        isFull = true
      } else if (sameRowShape(batch[0].inputs, request.inputs)) {
        batch.push(request)
        rows += request.rows
        isFull = rows >= maxRows
      } else rest.push(request)
    }
    queue = rest
    queuedRows = rest.reduce((sum, request) => sum + request.rows, 0)
    return batch
  }

  /** As most often: all that waits goes into one run. */
  function canRunTogether(requests: readonly Waiting[], now: number): boolean {
    const [first] = requests
    if (first === undefined || queuedRows > maxRows || now - first.since > maxWaitMs) return false
    for (const request of requests) {
      if (request.isCancelled() || !sameRowShape(first.inputs, request.inputs)) return false
    }
    return true
  }

  async function runBatch(batch: readonly Waiting[]): Promise<void> {
    if (batch.length > 1) {
      try {
        const outputs = await runOnce(concatenate(batch.map(({ inputs }) => inputs)), batch)
        const parts = split(
          outputs,
          batch.map(({ rows }) => rows),
        )
        for (const [index, { resolve }] of batch.entries()) resolve(parts[index] ?? [])
        return
      } catch {
        // One request's values may have upset the model. Alone, only that one fails.
      }
    }
    for (const request of batch) {
      try {
        const ran = runOnce(request.inputs, [request])
        request.resolve(ran instanceof Promise ? await ran : ran)
      } catch (error) {
        request.reject(describeFailure === undefined ? error : describeFailure(error))
      }
    }
  }

  /** Returns at once where the model does. */
  function runOnce(
    inputs: readonly Tensor[],
    batch: readonly Waiting[],
  ): Promise<readonly Tensor[]> | readonly Tensor[] {
    const startedAt = performance.now()
    const tell = (outputs: readonly Tensor[]): readonly Tensor[] => {
      let rows = 0
      for (const request of batch) rows += request.rows
      onBatch?.(batch.length, rows, performance.now() - startedAt)
      return outputs
    }
    const ran = run(inputs)
    return ran instanceof Promise ? ran.then(tell) : tell(ran)
  }

  return {
    submit,
    queued: () => queue.length,
    idle: () =>
      new Promise(resolve => {
        if (isRunning || queue.length > 0) idleWaiters.push(resolve)
        else resolve()
      }),
  }
}
