import type { ObjectResult } from '../runs/object-result.ts'
import type { Dialect } from './dialect.ts'
import type { Database, RunObjectRow } from './schema.ts'
import { take } from './take.ts'

export interface ResultQuery {
  readonly after: number
  readonly outcome: ObjectResult['outcome'] | undefined
  readonly most: number
}

/** A run's results in the order in which they came. */
export async function listResults(
  database: Database,
  dialect: Dialect,
  runId: string,
  { after, outcome, most }: ResultQuery,
): Promise<readonly RunObjectRow[]> {
  let query = database
    .selectFrom('run_objects')
    .selectAll()
    .where('run_id', '=', runId)
    .where('sequence', '>', after)
    .orderBy('sequence')
  if (outcome !== undefined) query = query.where('outcome', '=', outcome)
  return await take(query, most, dialect).execute()
}
