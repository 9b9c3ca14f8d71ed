import type { Generated, Kysely } from 'kysely'

/**
 * Times are milliseconds since 1970 by the database's clock, byte counts and tokens are whole numbers: all of them
 * `double precision`, which the three databases and their drivers hand over as numbers, exact up to 2^53. Booleans are
 * 0 or 1, JSON is text.
 */
export interface Schema {
  jobs: JobRow
  runs: RunRow
  run_objects: RunObjectRow
  uploads: UploadRow
  upload_parts: UploadPartRow
  leases: LeaseRow
}
export type Database = Kysely<Schema>

export interface JobRow {
  readonly id: string
  readonly name: string
  /** JobSpec as JSON. */
  readonly spec: string
  /** Rises with every change. */
  readonly version: number
  readonly created_ms: number
  readonly updated_ms: number
  /** When its schedule falls due next; null without one. */
  readonly due_ms: number | null
}

export interface RunRow {
  readonly id: string
  readonly job_id: string
  /** The same wish twice is one run. */
  readonly wish: string
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  readonly dry_run: number
  readonly scheduled_ms: number | null
  /** JobSpec as it was when the run was accepted. */
  readonly spec: string
  /** 1 for the first process that works on it, 2 for one that goes on after it died, … */
  readonly attempt: Generated<number>
  /** Who works on it. */
  readonly holder: string | null
  readonly cancel: Generated<number>
  /** RunProgress as JSON. */
  readonly progress: string | null
  /** Why it failed. */
  readonly problem: string | null
  readonly created_ms: number
  readonly started_ms: number | null
  readonly finished_ms: number | null
}

export interface RunObjectRow {
  readonly run_id: string
  readonly sequence: number
  readonly destination: number
  readonly object_key: string
  readonly action: 'copy' | 'delete'
  readonly outcome: 'done' | 'failed' | 'skipped' | 'planned'
  readonly bytes: number
  readonly content_hash: string | null
  readonly reason: string | null
  readonly at_ms: number
}

interface UploadRow {
  /** SHA-256 of job, destination and key: keys are longer than some databases index. */
  readonly id: string
  readonly job_id: string
  readonly location: string
  readonly object_key: string
  /** The store's name of the upload. */
  readonly handle: string
  readonly mark: string
  readonly part_bytes: number
  /** The run that used it last. */
  readonly run_id: string
}

interface UploadPartRow {
  readonly upload_id: string
  readonly number: number
  readonly sha256: string
  readonly crc32c: number
}

interface LeaseRow {
  readonly name: string
  readonly holder: string | null
  /** Rises with every holder: what an earlier one still writes is refused. */
  readonly token: number
  readonly expires_ms: number
}
