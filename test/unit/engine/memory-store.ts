import type { RecordStore } from '../../../src/engine/record-store.ts'

export interface MemoryStore extends RecordStore {
  /** False: nothing can be kept in it yet. */
  isThere: boolean
  readonly texts: ReadonlyMap<string, string>
  /** Every text that was ever written, in order. */
  readonly written: readonly { readonly name: string; readonly text: string }[]
  put(name: string, text: string): void
}

export interface Faults {
  /** Awaited before anything happens; throws for a store that cannot be reached. */
  before?(what: 'read' | 'write', name: string): Promise<void> | void
  /** Awaited after it happened. `lost`: it was written, but who wrote is told that another version was found. */
  after?(what: 'read' | 'write', name: string): Promise<'lost' | undefined> | 'lost' | undefined
}

/**
 * What a cloud's object store is to the engine: test/integration/record.test.ts holds the real ones to the same. For
 * what no real one can be made to do: an order of requests, an answer that is lost.
 */
export function memoryStore(faults: Faults = {}): MemoryStore {
  const kept = new Map<string, { readonly text: string; readonly version: string }>()
  const written: { readonly name: string; readonly text: string }[] = []
  let count = 0
  const put = (name: string, text: string): string => {
    const version = String(++count)
    kept.set(name, { text, version })
    written.push({ name, text })
    return version
  }
  const store: MemoryStore = {
    place: 'memory://test/mlp',
    isThere: true,
    written,
    get texts() {
      return new Map([...kept].map(([name, { text }]) => [name, text]))
    },
    put,
    async read(name) {
      await faults.before?.('read', name)
      const found = kept.get(name)
      const { isThere } = store
      await faults.after?.('read', name)
      if (!isThere) return { state: 'no-store' }
      return found === undefined ? { state: 'absent' } : { state: 'found', ...found }
    },
    async write(name, text, after) {
      await faults.before?.('write', name)
      const version = kept.get(name)?.version === after ? put(name, text) : undefined
      return (await faults.after?.('write', name)) === 'lost' ? undefined : version
    },
  }
  return store
}
