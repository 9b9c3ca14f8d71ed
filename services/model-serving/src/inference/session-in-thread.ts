import { Worker } from 'node:worker_threads'
import { RequestRefused } from '../errors.ts'
import type { Tensor } from '../tensors/datatypes.ts'
import type { Session } from './session.ts'
import type { Signature } from './signature.ts'
import type { WarmSession } from './warm-up.ts'

/** What a thread is started with. */
export interface WorkerStart {
  readonly file: string
  readonly threads: number
  readonly maxRows: number
}
interface Opened {
  readonly signature: Signature
  readonly loadMs: number
  readonly batchMs: number | undefined
}
export interface ToWorker {
  readonly inputs: readonly Tensor[]
}
export type FromWorker =
  | ({ readonly type: 'open' } & Opened)
  | { readonly type: 'outputs'; readonly outputs: readonly Tensor[] }
  | { readonly type: 'failed'; readonly message: string }

/**
 * Loads an ONNX file into a thread of its own and warms it there. Its `run` takes one batch at a time, as a Batcher gives it, and starts
 * the thread again if it has died. Throws what the runtime says of a file it cannot serve.
 */
export async function openSessionInThread(
  file: string,
  threads: number,
  maxRows: number,
): Promise<WarmSession> {
  let thread = await startThread({ file, threads, maxRows })
  const { signature, loadMs, batchMs } = thread.opened
  const session: Session = {
    signature,
    loadMs,
    async run(inputs) {
      if (thread.hasEnded()) thread = await startThread({ file, threads, maxRows })
      const answer = await thread.ask({ inputs })
      if (answer.type === 'outputs') return answer.outputs
      throw new Error(answer.type === 'failed' ? answer.message : 'the thread answered out of turn')
    },
    close: () => thread.end(),
  }
  return { session, batchMs }
}

interface Thread {
  readonly opened: Opened
  ask(question: ToWorker): Promise<FromWorker>
  hasEnded(): boolean
  end(): Promise<void>
}

async function startThread(start: WorkerStart): Promise<Thread> {
  const worker = new Worker(new URL('./session-worker.ts', import.meta.url), { workerData: start })
  let expected = Promise.withResolvers<FromWorker>()
  let hasEnded = false
  worker.on('message', (message: FromWorker) => expected.resolve(message))
  worker.on('error', error => expected.reject(error))
  worker.on('exit', code => {
    hasEnded = true
    expected.reject(new RequestRefused('model-not-ready', `the model's thread ended with code ${code}`, 1))
  })
  const opened = await expected.promise
  if (opened.type !== 'open')
    throw new Error(opened.type === 'failed' ? opened.message : 'the thread did not open')
  return {
    opened,
    ask(question) {
      expected = Promise.withResolvers()
      worker.postMessage(question)
      return expected.promise
    },
    hasEnded: () => hasEnded,
    async end() {
      await worker.terminate()
    },
  }
}
