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
