// A model in a thread of its own, so that loading and running it holds up nobody else. Started by openSessionInThread.
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerStart } from './session-in-thread.ts'
import { openWarmSession } from './warm-up.ts'

if (parentPort === null) throw new Error('this file is the entry of a worker thread')
const port = parentPort
const { file, threads, maxRows }: WorkerStart = workerData
const send = (message: FromWorker): void => port.postMessage(message)

try {
  const { session, batchMs } = await openWarmSession(file, threads, maxRows)
  port.on('message', async ({ inputs }: ToWorker) => {
    try {
      send({ type: 'outputs', outputs: await session.run(inputs) })
    } catch (error) {
      send({ type: 'failed', message: messageOf(error) })
    }
  })
  send({ type: 'open', signature: session.signature, loadMs: session.loadMs, batchMs })
} catch (error) {
  send({ type: 'failed', message: messageOf(error) })
  port.close()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
