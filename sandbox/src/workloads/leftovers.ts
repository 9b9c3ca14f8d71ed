import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { endRun } from './end-run.ts'
import { readPodRecord } from './pod-record.ts'

/** Ends every container of one cluster's pods, or of one pod, whoever started it. What is kept of them stays. */
export async function endContainers(home: string, key: string, only?: string): Promise<void> {
  const pods = join(home, 'workloads', key, 'pods')
  for (const uid of only === undefined ? await folders(pods) : [only]) {
    const record = await readPodRecord(join(pods, uid))
    for (const [name, container] of Object.entries(record?.containers ?? {}))
      await endRun(join(pods, uid), name, container)
  }
}

/** The same for all clusters that ever ran pods. */
export async function endAllContainers(home: string): Promise<void> {
  for (const cloud of ['aws', 'gcp', 'azure'])
    for (const cluster of await folders(join(home, 'workloads', cloud)))
      await endContainers(home, `${cloud}/${cluster}`)
}

async function folders(path: string): Promise<readonly string[]> {
  return readdir(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
}
