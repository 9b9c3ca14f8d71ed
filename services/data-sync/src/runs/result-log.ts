import type { Lease, Leases } from '../database/leases.ts'
import type { Database } from '../database/schema.ts'
import type { ObjectResult } from './object-result.ts'

/** Rows of one statement: SQL Server takes 2,100 parameters. */
const batchRows = 200
/** Beyond this many that are not yet written, whoever records waits. */
const mostWaiting = 1_000
const flushAfterMs = 500

export interface ResultLog {
  record(result: ObjectResult): Promise<void>
  /** Writes what is left; throws what writing threw. */
  close(): Promise<void>
}

/** Keeps a run's results, many at a time, under its lease. A killed process loses at most the last half second of them. */
export async function openResultLog(
  database: Database,
  leases: Leases,
  lease: Lease,
  runId: string,
): Promise<ResultLog> {
  const last = await database
    .selectFrom('run_objects')
    .select(({ fn }) => fn.max('sequence').as('sequence'))
    .where('run_id', '=', runId)
    .executeTakeFirst()
  let sequence = last?.sequence ?? 0
  let waiting: ReturnType<typeof rowOf>[] = []
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const rows = waiting.slice(0, batchRows)
      await leases.fenced(lease, transaction => transaction.insertInto('run_objects').values(rows).execute())
      waiting = waiting.slice(rows.length)
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing ??= writeAll().finally(() => {
      writing = undefined
    })
    return writing
  }

  return {
    async record(result) {
      sequence++
      waiting.push(rowOf(runId, sequence, result))
      if (waiting.length >= mostWaiting) await flush()
      // A failure of this one is met by the next.
      else timer ??= setTimeout(() => void flush().catch(() => undefined), flushAfterMs)
    },
    close: flush,
  }
}

function rowOf(runId: string, sequence: number, result: ObjectResult) {
  return {
    run_id: runId,
    sequence,
    destination: result.destination,
    object_key: result.key,
    action: result.action,
    outcome: result.outcome,
    bytes: result.bytes,
    content_hash: result.contentHash ?? null,
    reason: result.reason ?? null,
    at_ms: Date.now(),
  }
}
