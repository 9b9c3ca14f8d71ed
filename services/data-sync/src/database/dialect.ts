import type { Dialect as KyselyDialect, RawBuilder } from 'kysely'
import type { Database } from './schema.ts'

/** What differs between the databases, and nothing else. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres' | 'mssql'
  readonly kysely: KyselyDialect
  /** Milliseconds since 1970, now, by the clock that all replicas share. */
  readonly nowMs: RawBuilder<number>
  /** A column type for names and ids, and one for anything. */
  readonly shortText: string
  readonly longText: string
  /**
   * Writes so that what a caller was told stays, even when the machine loses its power. All else, such as progress, may
   * be lost then: it is done again.
   */
  lastingly<T>(database: Database, write: (on: Database) => Promise<T>): Promise<T>
}
