import { join } from 'node:path'
import { killContainer } from './containers.ts'
import { findMemoryLimit } from './memory-limit.ts'
import type { ContainerRecord } from './pod-status.ts'

/** Ends what still runs of a container, whoever started it, with its limit. `folder` is its pod's. */
export async function endRun(
  folder: string,
  name: string,
  { process, restartCount }: Pick<ContainerRecord, 'process' | 'restartCount'>,
): Promise<void> {
  if (process === undefined) return
  await killContainer(process)
  await (await findMemoryLimit(join(folder, 'containers', name, String(restartCount))))?.remove()
}
