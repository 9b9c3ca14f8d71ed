export type Attributes = { [key: string]: unknown }
export type ProviderName = 'aws' | 'google' | 'azurerm'

/** One simulated resource, whoever made it (terraform or a cloud API): attributes in terraform's shape, blocks as arrays of objects. */
export interface StoredResource {
  readonly type: string
  /** terraform's `id`; unique with `type`. */
  readonly id: string
  readonly attributes: Attributes
  readonly createdAt: string
}

/** The one truth of the simulated world; every write is durable when the call returns. Synchronous (SQLite). */
export interface ResourceStore {
  get(type: string, id: string): StoredResource | undefined
  list(type: string): readonly StoredResource[]
  all(): readonly StoredResource[]
  /** Creates or replaces. */
  put(type: string, id: string, attributes: Attributes): StoredResource
  delete(type: string, id: string): void
  /** Durable small facts that are no resource (issued tokens, counters, object metadata), by namespace and key. */
  getFact(namespace: string, key: string): unknown
  /** All keys of a namespace. */
  listFacts(namespace: string): readonly string[]
  putFact(namespace: string, key: string, value: unknown): void
  deleteFact(namespace: string, key: string): void
}
