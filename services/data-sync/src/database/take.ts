import type { SelectQueryBuilder } from 'kysely'
import type { Dialect } from './dialect.ts'

/** At most so many rows: SQL Server alone spells it differently. */
export function take<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  rows: number,
  dialect: Dialect,
): SelectQueryBuilder<DB, TB, O> {
  return dialect.name === 'mssql' ? query.top(rows) : query.limit(rows)
}
