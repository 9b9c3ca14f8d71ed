import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { configFileName } from '../../config/load.ts'
import { digestsOf, pushedImages } from '../3-applications/images-step.ts'
import { type LockFile, lockFileName, lockText, readLockFile, withImages } from '../lock-file.ts'
import type { Context } from '../phase.ts'
import { wantedDelivery } from './repository.ts'
import { pipelineFiles } from './workflows.ts'

/** Everything that the pipeline needs in the repository, by path: mlp's own files, and the operator's as they are here. */
export async function platformFiles(
  context: Context,
  /** mlp.lock as the branch has it: what the pipeline wrote there stays. */
  pushedLock: LockFile | undefined,
): Promise<ReadonlyMap<string, string>> {
  const own = await pipelineFiles(context, wantedDelivery(context))
  const lock = await wantedLock(context, pushedLock)
  return new Map([...own, ...(await operatorFiles(context)), [lockFileName, lockText(lock)]])
}

/** mlp.yaml and what lies in overrides/; none where the platform is the sandbox's default. */
async function operatorFiles({
  configFile,
  platformFolder,
}: Pick<Context, 'configFile' | 'platformFolder'>): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  const config = await readIfThere(configFile ?? join(platformFolder, configFileName))
  // The pipeline looks for it where mlp does when it is told nothing.
  if (config !== undefined) files.set('mlp.yaml', config)
  const overrides = join(platformFolder, 'overrides')
  const entries = await readdir(overrides, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    files.set(relative(platformFolder, file).replaceAll('\\', '/'), await readFile(file, 'utf8'))
  }
  return files
}

/** The version that runs now, and the images that run now where no pipeline has said so before. */
async function wantedLock(context: Context, pushed: LockFile | undefined): Promise<LockFile> {
  const { config, mlpVersion } = context
  const base = pushed ?? (await readLockFile(context.platformFolder)) ?? { lockVersion: 1, mlp: mlpVersion }
  const lock = { ...base, mlp: mlpVersion }
  const running = Object.fromEntries(
    configuredClouds(config).flatMap(cloud => {
      const images = pushedImages(context, cloud)
      return images === undefined ? [] : [[cloud, digestsOf(images)]]
    }),
  )
  return Object.keys(running).length === 0 ? lock : withImages(lock, config.environment, running)
}

async function readIfThere(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(() => undefined)
}
