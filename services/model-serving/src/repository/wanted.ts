import { stat } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BatcherOptions } from '../inference/batcher.ts'
import { type ModelOptions, openModel } from '../inference/model.ts'
import { fetchVerified, type VerifiedFile, verifyFile } from './cache.ts'
import { type CatalogueModel, type CatalogueVersion, parseCatalogue } from './catalogue.ts'
import { type MlflowOptions, openArtifact, resolveRegistered } from './mlflow.ts'
import type { WantedModel, WantedVersion } from './model-store.ts'
import type { StoreOptions } from './stores/object.ts'
import { openObject } from './stores/open-object.ts'

export interface Repository {
  /** The catalogue: a path, or a URL that `openObject` takes. */
  readonly catalogue: string
  /** Where fetched models are kept. */
  readonly cacheFolder: string
  readonly stores: StoreOptions
  readonly mlflow: MlflowOptions
  /** For one operator of a model with a thread of its own. */
  readonly processors: number
  /** Told of every run of a version. */
  readonly onBatch: (name: string, version: string) => NonNullable<BatcherOptions['onBatch']>
}

/** What the catalogue wants to be served. Rejects if the catalogue cannot be read or is not valid. */
export async function readWanted(repository: Repository): Promise<readonly WantedModel[]> {
  const url = /^[a-z0-9]+:\/\//.test(repository.catalogue)
    ? new URL(repository.catalogue)
    : pathToFileURL(repository.catalogue)
  const chunks: Uint8Array[] = []
  for await (const chunk of await openObject(url, repository.stores)) chunks.push(chunk)
  const { models } = parseCatalogue(Buffer.concat(chunks).toString())
  return Promise.all(models.map(model => wantedModel(repository, url, model)))
}

async function wantedModel(repository: Repository, base: URL, model: CatalogueModel): Promise<WantedModel> {
  const { name } = model
  try {
    const versions = new Map<string, WantedVersion>()
    const aliases = new Map(Object.entries(model.aliases))
    for (const entry of model.versions) {
      const located = await locate(repository, base, entry)
      versions.set(located.version, wantedVersion(repository, model, located))
      if (located.alias !== undefined) aliases.set(located.alias, located.version)
    }
    return { name, versions: [...versions.values()], aliases }
  } catch (error) {
    return { name, problem: error instanceof Error ? error.message : String(error) }
  }
}

function wantedVersion(
  { processors, onBatch }: Repository,
  model: CatalogueModel,
  { version, state, fetch }: LocatedVersion,
): WantedVersion {
  const options: ModelOptions = {
    maxBatchRows: model.batching?.maxRows ?? 1,
    maxDelayMs: model.batching?.maxDelayMs ?? 0,
    maxQueuedRequests: model.queue.maxRequests,
    maxWaitMs: model.queue.maxWaitMs,
    thread: model.thread,
    processors,
  }
  return {
    version,
    identity: JSON.stringify([state, options]),
    async open() {
      const { path, sha256 } = await fetch()
      return { sha256, model: await openModel(path, options, onBatch(model.name, version)) }
    },
  }
}

/** Where a version's file is, and what tells whether it has changed since. */
interface LocatedVersion {
  readonly version: string
  /** In MLflow's registry. */
  readonly alias?: string | undefined
  readonly state: string
  fetch(): Promise<VerifiedFile>
}

async function locate(repository: Repository, base: URL, entry: CatalogueVersion): Promise<LocatedVersion> {
  const { version, source, sha256 } = entry
  if (source.startsWith('models:/')) return locateRegistered(repository, entry)
  if (version === undefined) throw new Error(`${source} needs a version`)
  const { cacheFolder, stores } = repository
  const url = new URL(source, base)
  if (url.protocol === 'file:') {
    if (base.protocol !== 'file:') {
      throw new Error(`a catalogue from ${base.protocol} cannot name a file of this machine`)
    }
    const path = fileURLToPath(url)
    const { mtimeMs, size } = await stat(path)
    return {
      version,
      state: `${url} ${sha256 ?? `${mtimeMs} ${size}`}`,
      fetch: () => verifyFile(path, sha256),
    }
  }
  if (sha256 === undefined) {
    throw new Error(`${url} needs its sha256: what is fetched is not served unchecked`)
  }
  const fetch = () => fetchVerified(cacheFolder, sha256, () => openObject(url, stores))
  return { version, state: `${url} ${sha256}`, fetch }
}

/** The registry numbers its versions and never changes one, so that a digest is a help but no must. */
async function locateRegistered(
  { cacheFolder, stores, mlflow }: Repository,
  { source, sha256, version }: CatalogueVersion,
): Promise<LocatedVersion> {
  const registered = await resolveRegistered(source, mlflow)
  const file = new URL('model.onnx', registered.folder)
  const open = () =>
    file.protocol === 'mlflow-artifacts:' ? openArtifact(file, mlflow) : openObject(file, stores)
  const digest = sha256 ?? registered.sha256
  return {
    version: version ?? registered.version,
    alias: registered.alias,
    state: `${file} ${digest}`,
    fetch: () => fetchVerified(cacheFolder, digest, open),
  }
}
