import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { writeAtomically } from '../home.ts'
import { type ContainerRecord, containerRecordSchema, seconds } from './pod-status.ts'

/** What is kept of a pod for the next daemon. */
const podRecordSchema = z.object({
  uid: z.string(),
  namespace: z.string(),
  name: z.string(),
  ip: z.string(),
  startTime: z.string(),
  /** Process that held the network when the pod was connected: with another one, all of the pod is gone. */
  network: z.int(),
  containers: z.record(z.string(), containerRecordSchema),
})
export type PodRecord = z.infer<typeof podRecordSchema>

const podRecordFile = 'pod.json'

/** @param folder absolute, of this pod alone */
export async function writePodRecord(folder: string, record: PodRecord): Promise<void> {
  await writeAtomically(join(folder, podRecordFile), JSON.stringify(record))
}

export async function readPodRecord(folder: string): Promise<PodRecord | undefined> {
  const text = await readFile(join(folder, podRecordFile), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const read = podRecordSchema.safeParse(JSON.parse(text))
  return read.success ? read.data : undefined
}

/** A container whose network ended under it, as after a node's restart. */
export function lost(record: ContainerRecord): ContainerRecord {
  if (!('running' in record.state)) return { ...record, process: undefined }
  const { startedAt } = record.state.running
  const terminated = {
    exitCode: 255,
    reason: 'Unknown',
    startedAt,
    finishedAt: seconds(new Date()),
    containerID: record.containerId,
  }
  return { ...record, state: { terminated }, ready: false, started: false, process: undefined }
}
