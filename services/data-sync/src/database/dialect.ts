import type { Dialect as KyselyDialect, RawBuilder } from 'kysely'

/** What differs between the databases, and nothing else. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres' | 'mssql'
  readonly kysely: KyselyDialect
  /** Milliseconds since 1970, now, by the clock that all replicas share. */
  readonly nowMs: RawBuilder<number>
  /** A column type for names and ids, and one for anything. */
  readonly shortText: string
  readonly longText: string
}
