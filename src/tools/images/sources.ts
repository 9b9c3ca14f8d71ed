import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lockedPackages } from './locked-packages.ts'
import { type ImageName, imageSpecs, type Platform } from './service-images.ts'
import { listTree } from './tree.ts'

/** Raised when the way an image is laid out changes, so that unchanged sources are built again. */
const recipe = 2
const lockFile = 'package-lock.json'

/** What npm needs to see of the workspaces to install one of them. */
export const manifests = [
  'package.json',
  'package-lock.json',
  'sandbox/package.json',
  'services/kit/package.json',
  'services/api-gateway/package.json',
  'services/model-serving/package.json',
  'services/data-sync/package.json',
] as const

/** Of mlp's package, all that goes into an image as it is: paths with `/`. */
export function contentOf(name: ImageName): readonly string[] {
  return [
    'services/kit/package.json',
    'services/kit/src',
    ...imageSpecs[name].content.map(path => `services/${name}/${path}`),
  ]
}

export function dockerfileOf(name: ImageName): string {
  return `services/${name}/Dockerfile`
}

/** Every file of mlp's package that is in an image, and its Dockerfile, in one order on every machine. */
export function filesOf(packageRoot: string, name: ImageName): readonly string[] {
  const files = contentOf(name).flatMap(path =>
    path.endsWith('.json')
      ? [path]
      : listTree(join(packageRoot, path)).flatMap(entry =>
          entry.kind === 'file' ? [`${path}/${entry.path}`] : [],
        ),
  )
  return [dockerfileOf(name), ...files].sort()
}

/**
 * A hash of all that decides what is in an image: sources, locked dependencies, the Dockerfile with its base, the
 * platform. It stands in a tag and a label, so that a registry can be asked whether unchanged sources are there
 * already. Not a commit: that changes with every other file, and an installed mlp has none.
 */
export async function sourcesHash(packageRoot: string, name: ImageName, platform: Platform): Promise<string> {
  const hash = createHash('sha256').update(`${recipe} ${platform}\n`)
  const lock = await readFile(join(packageRoot, lockFile), 'utf8')
  for (const [path, entry] of lockedPackages(lock, `services/${name}`)) hash.update(`${path} ${entry}\n`)
  // The other manifests only let npm read the lock file.
  for (const path of filesOf(packageRoot, name)) {
    const content = createHash('sha256').update(await readFile(join(packageRoot, path)))
    hash.update(`${content.digest('hex')} ${path}\n`)
  }
  return hash.digest('hex')
}
