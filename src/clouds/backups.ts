/**
 * What can be had again after a loss, asked of the cloud itself, and where mlp's own copies lie: beside terraform's
 * state, in the one bucket that is reached in every environment, outlives the platform, and that no service may write to.
 * Every method throws what Cloud promises.
 */
export interface BackupService {
  /** `s3://bucket/backups`: what names of copies are below. */
  readonly place: string
  /** Copies whose name begins so, the newest first; none where there is no bucket. */
  list(prefix: string, signal: AbortSignal): Promise<readonly StoredCopy[]>
  read(name: string, signal: AbortSignal): Promise<string | undefined>
  write(name: string, text: string, signal: AbortSignal): Promise<void>
  /** What is not there is as good as removed. */
  remove(name: string, signal: AbortSignal): Promise<void>
  /** Of each bucket of the platform, whether what was overwritten or deleted in it can be had again. */
  buckets(signal: AbortSignal): Promise<readonly BucketHistory[]>
  /** What the cloud keeps of the database; undefined when there is none. */
  database(signal: AbortSignal): Promise<DatabaseBackups | undefined>
}

export interface StoredCopy {
  readonly name: string
  /** ISO 8601, by the bucket's clock. */
  readonly at: string
  readonly bytes: number
}

export interface BucketHistory {
  readonly bucket: string
  /** What keeps it from being so; undefined: what was overwritten or deleted can be had again. */
  readonly problem?: string
  /** `versioned, deleted objects kept for 7 days` */
  readonly detail: string
}

export interface DatabaseBackups {
  readonly name: string
  /** What is not as a recovery needs it, in words; empty: all is. */
  readonly problems: readonly string[]
  readonly retentionDays: number
  /** ISO 8601: to which moments it can be restored now. Undefined where the cloud does not say. */
  readonly earliest?: string
  readonly newest?: string
  /** What is known of the newest where the cloud names no moment. */
  readonly remark?: string
}

export const backupsFolder = 'backups'

export function newestFirst(copies: readonly StoredCopy[]): readonly StoredCopy[] {
  return [...copies].sort(
    (one, other) => other.at.localeCompare(one.at) || other.name.localeCompare(one.name),
  )
}
