import { readdir } from 'node:fs/promises'
import { systemErrorCode } from '../engine/atomic-file.ts'

/** The ids of the runs that left a folder, the newest first; none where there is no folder of runs. */
export async function runIds(runs: string): Promise<readonly string[]> {
  try {
    return (await readdir(runs)).toSorted().toReversed()
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Whether it is one, and no path to somewhere else: some ids come from a cluster. */
export function isRunId(text: string): boolean {
  return /^\d{8}T\d{6}Z-[0-9a-f]+$/.test(text)
}
