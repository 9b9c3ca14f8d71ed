import { stat } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BatcherOptions } from '../inference/batcher.ts'
import { type ModelOptions, openModel } from '../inference/model.ts'
import { fetchVerified, type VerifiedFile, verifyFile } from './cache.ts'
import { type CatalogueModel, type CatalogueVersion, parseCatalogue } from './catalogue.ts'
import type { WantedModel, WantedVersion } from './model-store.ts'
import type { StoreOptions } from './stores/object.ts'
import { openObject } from './stores/open-object.ts'

export interface Repository {
  /** The catalogue: a path, or a URL that `openObject` takes. */
  readonly catalogue: string
  /** Where fetched models are kept. */
  readonly cacheFolder: string
  readonly stores: StoreOptions
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
    const versions: WantedVersion[] = []
    for (const version of model.versions) versions.push(await wantedVersion(repository, base, model, version))
    return { name, versions, aliases: new Map(Object.entries(model.aliases)) }
  } catch (error) {
    return { name, problem: error instanceof Error ? error.message : String(error) }
  }
}

async function wantedVersion(
  repository: Repository,
  base: URL,
  model: CatalogueModel,
  { version, source, sha256 }: CatalogueVersion,
): Promise<WantedVersion> {
  const { processors, onBatch } = repository
  const url = new URL(source, base)
  if (version === undefined) throw new Error(`${source} needs a version`)
  const options: ModelOptions = {
    maxBatchRows: model.batching?.maxRows ?? 1,
    maxDelayMs: model.batching?.maxDelayMs ?? 0,
    maxQueuedRequests: model.queue.maxRequests,
    maxWaitMs: model.queue.maxWaitMs,
    thread: model.thread,
    processors,
  }
  const file = await fileOf(repository, url, base, sha256)
  return {
    version,
    identity: JSON.stringify([url, file.state, options]),
    async open() {
      const { path, sha256 } = await file.fetch()
      return { sha256, model: await openModel(path, options, onBatch(model.name, version)) }
    },
  }
}

/** A model's file, and what tells whether it has changed since. */
interface SourceFile {
  readonly state: string
  fetch(): Promise<VerifiedFile>
}

async function fileOf(
  { cacheFolder, stores }: Repository,
  url: URL,
  base: URL,
  sha256: string | undefined,
): Promise<SourceFile> {
  if (url.protocol === 'file:') {
    if (base.protocol !== 'file:')
      throw new Error(`a catalogue from ${base.protocol} cannot name a file of this machine`)
    const path = fileURLToPath(url)
    const { mtimeMs, size } = await stat(path)
    return { state: sha256 ?? `${mtimeMs} ${size}`, fetch: () => verifyFile(path, sha256) }
  }
  if (sha256 === undefined)
    throw new Error(`${url} needs its sha256: what is fetched is not served unchecked`)
  return { state: sha256, fetch: () => fetchVerified(cacheFolder, sha256, () => openObject(url, stores)) }
}
