import { hash } from 'node:crypto'
import type { RememberedUpload, UploadMemory } from '../copy/upload-memory.ts'
import type { Lease, Leases } from './leases.ts'
import type { Database } from './schema.ts'

export interface UploadMemoryOptions {
  readonly database: Database
  readonly leases: Leases
  readonly lease: Lease
  readonly jobId: string
  readonly runId: string
  /** The job's destinations, as text. */
  readonly destinations: readonly string[]
}

/** An upload that no run goes on with any more. */
export interface StaleUpload {
  readonly id: string
  readonly location: string
  readonly key: string
  readonly handle: string
}

/** Uploads of one job, remembered under its lease. */
export function createUploadMemory(options: UploadMemoryOptions): UploadMemory & {
  /** Those of earlier runs that this run did not take up: their objects need no copy any more. */
  stale(): Promise<readonly StaleUpload[]>
  drop(id: string): Promise<void>
} {
  const { database, leases, lease, jobId, runId, destinations } = options
  const idOf = (destination: number, key: string): string =>
    hash('sha256', JSON.stringify([jobId, destinations[destination], key]))

  const drop = (id: string): Promise<void> =>
    leases.fenced(lease, async transaction => {
      await transaction.deleteFrom('upload_parts').where('upload_id', '=', id).execute()
      await transaction.deleteFrom('uploads').where('id', '=', id).execute()
    })

  return {
    async find(destination, key): Promise<RememberedUpload | undefined> {
      const id = idOf(destination, key)
      const row = await database.selectFrom('uploads').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) return undefined
      await leases.fenced(lease, transaction =>
        transaction.updateTable('uploads').set({ run_id: runId }).where('id', '=', id).execute(),
      )
      const rows = await database.selectFrom('upload_parts').selectAll().where('upload_id', '=', id).execute()
      const parts = rows.map(
        ({ number, sha256, crc32c }) => [number, { sha256: Buffer.from(sha256, 'hex'), crc32c }] as const,
      )
      return {
        upload: { key, handle: row.handle },
        mark: row.mark,
        partBytes: row.part_bytes,
        parts: new Map(parts),
      }
    },
    async begin(destination, upload, mark, partBytes) {
      const row = {
        id: idOf(destination, upload.key),
        job_id: jobId,
        location: destinations[destination] ?? '',
        object_key: upload.key,
        handle: upload.handle,
        mark,
        part_bytes: partBytes,
        run_id: runId,
      }
      await leases.fenced(lease, transaction => transaction.insertInto('uploads').values(row).execute())
    },
    async addPart(destination, upload, number, { sha256, crc32c }) {
      const upload_id = idOf(destination, upload.key)
      const row = { upload_id, number, sha256: sha256.toString('hex'), crc32c }
      await leases.fenced(lease, async transaction => {
        // Sent again because the store lost it.
        await transaction
          .deleteFrom('upload_parts')
          .where('upload_id', '=', upload_id)
          .where('number', '=', number)
          .execute()
        await transaction.insertInto('upload_parts').values(row).execute()
      })
    },
    forget: (destination, upload) => drop(idOf(destination, upload.key)),
    async stale() {
      const rows = await database
        .selectFrom('uploads')
        .select(['id', 'location', 'object_key', 'handle'])
        .where('job_id', '=', jobId)
        .where('run_id', '!=', runId)
        .execute()
      return rows.map(({ id, location, object_key, handle }) => ({ id, location, key: object_key, handle }))
    },
    drop,
  }
}
