import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ExecContext } from '../exec.ts'
import { inTurn } from '../toolchain/turns.ts'
import { layBase } from './base.ts'
import { billOfMaterials } from './bill-of-materials.ts'
import { buildByEngine } from './builder.ts'
import { copyInto } from './copy-into.ts'
import { endLeftInstaller, installDependencies } from './installer.ts'
import { type Descriptor, writeLayer } from './layer.ts'
import { imageOf, startLayout, writeImage, writeSbomLayout } from './layout.ts'
import {
  baseOf,
  entrypointOf,
  environment,
  type ImageName,
  imageSpecs,
  type Platform,
  user,
  versionOf,
  workingFolder,
} from './service-images.ts'
import { shareWork } from './shared-work.ts'
import { contentOf, sourcesHash } from './sources.ts'

const sourcesLabel = 'dev.mlp.sources'

export interface BuildOptions {
  /** Where mlp is installed: holds services/ and package-lock.json. */
  readonly packageRoot: string
  readonly platform: Platform
  /** Finished images are kept here; default ~/.cache/mlp/images. */
  readonly cache?: string
  /** Absolute path of crane, for the base. */
  readonly crane: string
  readonly report: (message: string) => void
}

export interface BuiltImage {
  readonly name: ImageName
  readonly version: string
  /** Hash of all that is in it, without `sha256:`. */
  readonly sources: string
  readonly digest: string
  /** OCI layouts: the image, and the bill of materials that refers to it. */
  readonly layout: string
  readonly sbom: { readonly layout: string; readonly digest: string }
}

/** Of each service; older ones are of no use to anybody. */
const imagesKept = 3
const scratchPrefix = '.building-'
const underWay = new Map<string, Promise<BuiltImage>>()

/** MLP_IMAGES_CACHE, else $XDG_CACHE_HOME/mlp/images, else ~/.cache/mlp/images. */
function imagesCacheFolder(): string {
  const own = process.env['MLP_IMAGES_CACHE']
  if (own !== undefined && own !== '') return own
  const caches = process.env['XDG_CACHE_HOME']
  return join(caches === undefined || caches === '' ? join(homedir(), '.cache') : caches, 'mlp', 'images')
}

/**
 * One service's image as an OCI layout: its Dockerfile built by Docker where that can be had, else the same laid without
 * an engine: production dependencies by `npm ci`, the sources as they are (Node strips the types), on the Dockerfile's
 * base. Sources that were built before are not built again, in this process or another. Throws MLP2201, MLP2204.
 */
export async function buildImage(
  context: ExecContext,
  name: ImageName,
  given: BuildOptions,
): Promise<BuiltImage> {
  const cache = given.cache ?? imagesCacheFolder()
  const options = { ...given, cache }
  const sources = await sourcesHash(options.packageRoot, name, options.platform)
  const folder = join(cache, name, sources)
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
  return await shareWork(
    underWay,
    folder,
    () => options.report(`${name}: another cloud’s lane builds it`),
    () =>
      inTurn(
        join(cache, 'locks', name),
        `building the image ${name}`,
        context.signal,
        holder => options.report(`${name}: waits for ${holder}`),
        async () =>
          (await readBuilt(options, name, sources, folder)) ??
          (await buildAnew(context, name, options, sources, folder)),
      ),
  )
}

async function readBuilt(
  { packageRoot }: BuildOptions,
  name: ImageName,
  sources: string,
  folder: string,
): Promise<BuiltImage | undefined> {
  const layout = join(folder, 'image')
  const sbom = join(folder, 'sbom')
  try {
    const [{ digest }, bill, version] = await Promise.all([
      imageOf(layout),
      imageOf(sbom),
      versionOf(packageRoot, name),
    ])
    return { name, version, sources, digest, layout, sbom: { layout: sbom, digest: bill.digest } }
  } catch {
    // Not there, or not whole: it is built.
    return undefined
  }
}

async function buildAnew(
  context: ExecContext,
  name: ImageName,
  options: BuildOptions & { readonly cache: string },
  sources: string,
  folder: string,
): Promise<BuiltImage> {
  const { packageRoot, platform, report } = options
  await removeOld(dirname(folder))
  // Beside the finished ones, so that it is moved into its place in one go.
  const scratch = await mkdtemp(join(dirname(folder), scratchPrefix))
  try {
    const made = join(scratch, 'made')
    const layout = join(made, 'image')
    const version = await versionOf(packageRoot, name)
    const { image, bill } =
      (await buildByEngine(
        context,
        name,
        { packageRoot, platform, version, sources, scratch, report },
        layout,
      )) ?? (await layImage(context, name, options, { layout, scratch, version, sources }))
    const sbomLayout = join(made, 'sbom')
    const sbom: Descriptor = await writeSbomLayout(sbomLayout, image, bill)
    await rm(folder, { recursive: true, force: true })
    await rename(made, folder)
    return {
      name,
      version,
      sources,
      digest: image.digest,
      layout: join(folder, 'image'),
      sbom: { layout: join(folder, 'sbom'), digest: sbom.digest },
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The image without an engine: dependencies, then the service's own files, on the base. */
async function layImage(
  context: ExecContext,
  name: ImageName,
  options: BuildOptions & { readonly cache: string },
  made: {
    readonly layout: string
    readonly scratch: string
    readonly version: string
    readonly sources: string
  },
): Promise<{ readonly image: Descriptor; readonly bill: object }> {
  const { packageRoot, platform, report } = options
  const { layout, scratch, version, sources } = made
  const { blobs } = await startLayout(layout)
  const base = await layBase(
    context,
    await baseOf(packageRoot, name),
    { ...options, report: message => report(`${name}: ${message}`) },
    blobs,
  )
  report(`${name}: installing production dependencies`)
  const stage = await installDependencies(context, name, platform, packageRoot, scratch)
  report(`${name}: laying its layers on ${base.name}`)
  const architecture = platform === 'linux/arm64' ? 'arm64' : 'amd64'
  const dependencies = await writeLayer(blobs, [
    { folder: stage, at: workingFolder.slice(1), keep: path => isWanted(path, architecture) },
  ])
  const own = await writeLayer(blobs, await sourceLayer(packageRoot, name, scratch))
  const image = await writeImage(
    layout,
    {
      architecture,
      user,
      workingFolder,
      environment: [...base.environment, ...environment],
      entrypoint: entrypointOf(name),
      ports: imageSpecs[name].ports,
      labels: {
        'org.opencontainers.image.title': imageSpecs[name].title,
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.revision': `sources-sha256:${sources}`,
        'org.opencontainers.image.licenses': 'Apache-2.0',
        'org.opencontainers.image.base.name': base.name,
        [sourcesLabel]: sources,
      },
    },
    [...base.layers, dependencies, own],
  )
  const bill = await billOfMaterials(stage, { name, version, nodeVersion: base.nodeVersion })
  return { image, bill }
}

/** What builds that were killed have left, and images of sources long gone. Under the lock: nobody else builds here. */
async function removeOld(folder: string): Promise<void> {
  const names = await readdir(folder)
  const finished = await Promise.all(
    names
      .filter(name => !name.startsWith(scratchPrefix))
      .map(async name => ({ name, madeAt: (await stat(join(folder, name))).mtimeMs })),
  )
  const old = finished.toSorted((one, other) => other.madeAt - one.madeAt).slice(imagesKept - 1)
  const left = names.filter(name => name.startsWith(scratchPrefix))
  for (const name of left) await endLeftInstaller(join(folder, name))
  for (const name of [...left, ...old.map(each => each.name)]) {
    // What cannot be removed now goes the next time.
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Half of what packages bring, and nothing that a service would ever open. */
const unread = /node_modules\/.*\.(d\.[cm]?ts|map|md|markdown)$/

/** Of what npm installed: no npm bookkeeping, no commands, no native libraries of other systems. */
function isWanted(path: string, architecture: 'amd64' | 'arm64'): boolean {
  // The manifests are of the source layer.
  if (path === 'sandbox' || (path.endsWith('.json') && !path.includes('node_modules'))) return false
  if (/(^|\/)node_modules\/(\.bin|\.package-lock\.json)$/.test(path)) return false
  if (unread.test(path)) return false
  const binaries = /onnxruntime-node\/bin\/[^/]+\/([^/]+)(?:\/([^/]+))?/.exec(path)
  if (binaries === null) return true
  const [, system, processor = ''] = binaries
  return system === 'linux' && ['', architecture === 'arm64' ? 'arm64' : 'x64'].includes(processor)
}

/** Folders as they lie; single files by way of a folder of their own. */
async function sourceLayer(packageRoot: string, name: ImageName, scratch: string) {
  const single = join(scratch, 'single')
  const folders: { folder: string; at: string }[] = []
  for (const path of contentOf(name)) {
    if (path.endsWith('.json')) await copyInto(join(packageRoot, path), join(single, path))
    else folders.push({ folder: join(packageRoot, path), at: `${workingFolder.slice(1)}/${path}` })
  }
  return [{ folder: single, at: workingFolder.slice(1) }, ...folders]
}
