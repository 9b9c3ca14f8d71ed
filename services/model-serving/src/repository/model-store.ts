import { RequestRefused } from '../errors.ts'
import type { Model } from '../inference/model.ts'

/** A version that should be served. */
export interface WantedVersion {
  readonly version: string
  /** Changes whenever the file, or how it is to be served, changes. */
  readonly identity: string
  /** Fetches, verifies, loads and warms it. */
  open(): Promise<OpenedModel>
}

interface OpenedModel {
  readonly model: Model
  readonly sha256: string
}

/** A model that should be served; or why that could not be found out, in which case what is served stays. */
export type WantedModel = { readonly name: string } & (
  | { readonly versions: readonly WantedVersion[]; readonly aliases: ReadonlyMap<string, string> }
  | { readonly problem: string }
)

export interface ServedVersion extends OpenedModel {
  readonly name: string
  readonly version: string
}

/** One line of the repository's index, in the words of the protocol's model repository extension. */
interface IndexEntry {
  readonly name: string
  readonly version: string
  readonly state: 'LOADING' | 'READY' | 'UNLOADING' | 'UNAVAILABLE'
  /** Why it is not ready. */
  readonly reason: string
}

export interface ModelStore {
  /** Throws RequestRefused if there is no such model or version, or if it cannot answer now. */
  find(name: string, version?: string): ServedVersion
  /** The versions that can answer, lowest first. */
  versionsOf(name: string): readonly string[]
  served(): readonly ServedVersion[]
  index(): readonly IndexEntry[]
  /** What keeps the server from serving all that it should; undefined if nothing does. */
  missing(): string | undefined
  /** Loads what is wanted and not there, then lets go of what is not wanted any more. */
  reconcile(): Promise<void>
  /** Loads one model again after `unload`, or looks for changes to it. Throws RequestRefused if it is not wanted. */
  load(name: string): Promise<void>
  /** Lets go of a model until `load`. Resolves once its last request is answered. */
  unload(name: string): Promise<void>
  close(): Promise<void>
}

export interface StoreEvents {
  loaded(version: ServedVersion): void
  failed(version: { readonly name: string; readonly version: string }, error: unknown): void
  unloaded(version: { readonly name: string; readonly version: string }): void
}

interface Entry {
  readonly identity: string
  readonly state: IndexEntry['state']
  readonly reason: string
  readonly served: ServedVersion | undefined
}

interface Shelf {
  readonly entries: Map<string, Entry>
  /** Of those that can answer. */
  highest: string | undefined
  aliases: ReadonlyMap<string, string>
  problem: string | undefined
  /** Whether all that is wanted has been tried once: before that, a version that is not here may still come. */
  isSettled: boolean
}

/** Keeps what is served equal to what is wanted. Changes happen one at a time; requests are never made to wait. */
export function createModelStore(
  wanted: () => Promise<readonly WantedModel[]>,
  events: StoreEvents,
): ModelStore {
  const shelves = new Map<string, Shelf>()
  const unloadedByHand = new Set<string>()
  let problem: string | undefined = 'the catalogue has not been read yet'
  let isCatalogueKnown = false
  let hasLoadedAll = false
  let lastChange: Promise<unknown> = Promise.resolve()

  function inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = lastChange.then(change)
    lastChange = result.catch(() => {})
    return result
  }

  function find(name: string, version?: string): ServedVersion {
    const shelf = shelves.get(name)
    if (unloadedByHand.has(name)) throw unknownModel(name)
    if (shelf === undefined) {
      // A server that has just started must not deny models that it is about to read of: clients give up on a 404.
      throw isCatalogueKnown ? unknownModel(name) : notReady(name, problem ?? 'it is being loaded')
    }
    const chosen = version ?? shelf.aliases.get('default') ?? shelf.highest
    const entry = chosen === undefined ? undefined : entryOf(shelf, chosen)
    if (entry?.served !== undefined) return entry.served
    if (version !== undefined && entry === undefined && shelf.isSettled) throw unknownModel(name, version)
    throw notReady(name, entry?.reason ?? reasonOf(shelf))
  }

  function shelfOf(name: string): Shelf {
    const shelf = shelves.get(name) ?? {
      entries: new Map(),
      highest: undefined,
      aliases: new Map(),
      problem: undefined,
      isSettled: false,
    }
    shelves.set(name, shelf)
    return shelf
  }

  async function bring(target: WantedModel): Promise<void> {
    const { name } = target
    const shelf = shelfOf(name)
    shelf.problem = 'problem' in target ? target.problem : undefined
    if ('problem' in target) return
    const arrived = []
    for (const wantedVersion of target.versions) arrived.push(await bringVersion(name, shelf, wantedVersion))
    // A new version that fails must not take away the one that it should have replaced.
    const allArrived = !arrived.includes(false)
    const isServed = ([, version]: readonly [string, string]) =>
      shelf.entries.get(version)?.served !== undefined
    shelf.aliases = allArrived
      ? target.aliases
      : new Map([...[...shelf.aliases].filter(isServed), ...[...target.aliases].filter(isServed)])
    shelf.isSettled = true
    if (!allArrived) return
    for (const version of [...shelf.entries.keys()]) {
      if (!target.versions.some(kept => kept.version === version)) await retire(name, shelf, version)
    }
  }

  /** Loads a version unless it is there as wanted; what it replaces answers until then. Says whether it is there. */
  async function bringVersion(
    name: string,
    shelf: Shelf,
    { version, identity, open }: WantedVersion,
  ): Promise<boolean> {
    const before = shelf.entries.get(version)
    if (before?.served !== undefined && before.identity === identity) return true
    if (before?.served === undefined) {
      place(shelf, version, {
        identity,
        state: 'LOADING',
        reason: 'it is being loaded',
        served: undefined,
      })
    }
    try {
      const served: ServedVersion = { name, version, ...(await open()) }
      place(shelf, version, { identity, state: 'READY', reason: '', served })
      events.loaded(served)
    } catch (error) {
      events.failed({ name, version }, error)
      const reason = error instanceof Error ? error.message : String(error)
      if (before?.served === undefined) {
        place(shelf, version, { identity, state: 'UNAVAILABLE', reason, served: undefined })
      }
      return false
    }
    await before?.served?.model.close()
    return true
  }

  /** No request finds the version from now on; resolves once those that had found it are answered. */
  async function retire(name: string, shelf: Shelf, version: string): Promise<void> {
    const entry = shelf.entries.get(version)
    if (entry?.served !== undefined) {
      place(shelf, version, {
        ...entry,
        state: 'UNLOADING',
        reason: 'it is being unloaded',
        served: undefined,
      })
      await entry.served.model.close()
      events.unloaded({ name, version })
    }
    place(shelf, version, undefined)
  }

  async function retireAll(name: string): Promise<void> {
    const shelf = shelves.get(name)
    if (shelf === undefined) return
    for (const version of [...shelf.entries.keys()]) await retire(name, shelf, version)
    shelves.delete(name)
  }

  async function reconcile(): Promise<void> {
    let models: readonly WantedModel[]
    try {
      models = await wanted()
      problem = undefined
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      throw error
    }
    const kept = models.filter(({ name }) => !unloadedByHand.has(name))
    for (const { name } of kept) shelfOf(name)
    isCatalogueKnown = true
    for (const model of kept) await bring(model)
    for (const name of [...shelves.keys()]) {
      if (!models.some(model => model.name === name)) await retireAll(name)
    }
    hasLoadedAll = true
  }

  async function load(name: string): Promise<void> {
    const models = await wanted().catch((error: unknown) => {
      throw new RequestRefused('model-not-ready', error instanceof Error ? error.message : String(error), 5)
    })
    const model = models.find(candidate => candidate.name === name)
    if (model === undefined) throw new RequestRefused('unknown-model', `the catalogue has no model '${name}'`)
    unloadedByHand.delete(name)
    await bring(model)
    find(name)
  }

  async function unload(name: string): Promise<void> {
    if (!shelves.has(name)) throw unknownModel(name)
    unloadedByHand.add(name)
    await retireAll(name)
  }

  return {
    find,
    versionsOf: name => servedVersions(shelves.get(name)),
    served: () =>
      [...shelves.values()].flatMap(({ entries }) =>
        [...entries.values()].flatMap(({ served }) => served ?? []),
      ),
    index: () => [
      ...[...shelves].flatMap(([name, { entries }]) =>
        [...entries].map(([version, { state, reason }]) => ({ name, version, state, reason })),
      ),
      ...[...unloadedByHand].map(name => ({
        name,
        version: '',
        state: 'UNAVAILABLE' as const,
        reason: 'unloaded',
      })),
    ],
    missing() {
      if (!hasLoadedAll) return problem ?? 'the models are being loaded'
      const [name, shelf] = [...shelves].find(([, { highest }]) => highest === undefined) ?? []
      if (shelf === undefined) return undefined
      return `model '${name}' is not ready: ${reasonOf(shelf)}`
    },
    reconcile: () => inTurn(reconcile),
    load: name => inTurn(() => load(name)),
    unload: name => inTurn(() => unload(name)),
    close: () =>
      inTurn(async () => {
        for (const name of [...shelves.keys()]) await retireAll(name)
      }),
  }
}

function place(shelf: Shelf, version: string, entry: Entry | undefined): void {
  if (entry === undefined) shelf.entries.delete(version)
  else shelf.entries.set(version, entry)
  shelf.highest = servedVersions(shelf).at(-1)
}

/** Lowest first. */
function servedVersions(shelf: Shelf | undefined): readonly string[] {
  return [...(shelf?.entries ?? [])]
    .filter(([, { served }]) => served !== undefined)
    .map(([version]) => version)
    .sort(collator.compare)
}
const collator = new Intl.Collator('en', { numeric: true })

/** Why nothing of a model is ready. */
function reasonOf({ problem, entries }: Shelf): string {
  const reasons = [...entries.values()].map(({ reason }) => reason)
  return problem ?? reasons.find(reason => reason !== '') ?? 'it is being loaded'
}

function entryOf({ entries, aliases }: Shelf, version: string): Entry | undefined {
  return entries.get(version) ?? entries.get(aliases.get(version) ?? '')
}

function notReady(name: string, reason: string): RequestRefused {
  return new RequestRefused('model-not-ready', `model '${name}' is not ready: ${reason}`, 5)
}

function unknownModel(name: string, version?: string): RequestRefused {
  const what = version === undefined ? `model '${name}'` : `version '${version}' of model '${name}'`
  return new RequestRefused('unknown-model', `there is no ${what}`)
}
