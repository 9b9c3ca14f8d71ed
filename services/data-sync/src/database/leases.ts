import { type Kysely, sql, type Transaction } from 'kysely'
import type { Dialect } from './dialect.ts'
import type { Database, Schema } from './schema.ts'

/** Held by one process at a time, as long as it keeps renewing it. */
export interface Lease {
  readonly name: string
  readonly holder: string
  /** Higher than every earlier holder's. */
  readonly token: number
}

/** Somebody else holds the lease: whatever this process was doing under it is theirs now. */
export class LeaseLost extends Error {
  constructor(lease: Lease) {
    super(`the lease ${lease.name} (token ${lease.token}) is held by another process`)
    this.name = 'LeaseLost'
  }
}

export interface Leases {
  /** `leader`, or a job's (see `leaseOfJob`). undefined while another holds it. */
  acquire(name: string): Promise<Lease | undefined>
  /**
   * Writes under a lease: nothing of it is written when the lease is lost, and it is renewed when it is not. The first
   * statement locks the lease's row, so no other process can take it over before the transaction ends.
   */
  fenced<T>(lease: Lease, write: (transaction: Transaction<Schema>) => Promise<T>): Promise<T>
  renew(lease: Lease): Promise<void>
  /** So that the next one need not wait for the end of its time. */
  release(lease: Lease): Promise<void>
}

export function leaseOfJob(jobId: string): string {
  return `job:${jobId}`
}

export function createLeases(database: Database, dialect: Dialect, holder: string, ttlMs: number): Leases {
  const end = sql<number>`${dialect.nowMs} + ${sql.lit(ttlMs)}`
  const extend = async (on: Kysely<Schema>, lease: Lease): Promise<void> => {
    const { numUpdatedRows } = await on
      .updateTable('leases')
      .set({ expires_ms: end })
      .where('name', '=', lease.name)
      .where('token', '=', lease.token)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) throw new LeaseLost(lease)
  }

  return {
    acquire: name =>
      database.transaction().execute(async transaction => {
        const { numUpdatedRows } = await transaction
          .updateTable('leases')
          .set(row => ({ holder, token: row('token', '+', 1), expires_ms: end }))
          .where('name', '=', name)
          .where('expires_ms', '<', dialect.nowMs)
          .executeTakeFirst()
        if (numUpdatedRows !== 1n) return undefined
        const { token } = await transaction
          .selectFrom('leases')
          .select('token')
          .where('name', '=', name)
          .executeTakeFirstOrThrow()
        return { name, holder, token }
      }),
    fenced: (lease, write) =>
      database.transaction().execute(async transaction => {
        await extend(transaction, lease)
        return await write(transaction)
      }),
    renew: lease => extend(database, lease),
    async release({ name, token }) {
      await database
        .updateTable('leases')
        .set({ expires_ms: 0 })
        .where('name', '=', name)
        .where('token', '=', token)
        .execute()
    },
  }
}
