import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configuredClouds } from '../config/configured-clouds.ts'
import type { JsonObject } from '../engine/json.ts'
import { digestsOf, pushedImages } from './3-applications/images-step.ts'
import { lockFileName, lockText, readLockFile, withImages } from './lock-file.ts'
import type { Context } from './phase.ts'

/** mlp.lock, where the platform has one, names what a run of phase 3 has deployed; the pipeline commits it. */
export async function recordImages(
  context: Context,
  outputs: ReadonlyMap<string, JsonObject>,
): Promise<void> {
  const lock = await readLockFile(context.platformFolder)
  if (lock === undefined) return
  const deployed = configuredClouds(context.config).flatMap(cloud => {
    const images = pushedImages({ outputs: step => outputs.get(step) }, cloud)
    return images === undefined ? [] : [[cloud, digestsOf(images)] as const]
  })
  const changed = withImages(lock, context.config.environment, Object.fromEntries(deployed))
  const [before, after] = [lockText(lock), lockText(changed)]
  if (before === after) return
  await writeFile(join(context.platformFolder, lockFileName), after)
}
