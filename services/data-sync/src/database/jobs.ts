import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import { type JobSpec, jobSpecSchema, nextDueMs } from '../job-spec.ts'
import type { Dialect } from './dialect.ts'
import { leaseOfJob } from './leases.ts'
import type { Database, JobRow, Schema } from './schema.ts'
import { take } from './take.ts'

export interface Job {
  readonly id: string
  readonly spec: JobSpec
  readonly version: number
  readonly createdMs: number
  readonly updatedMs: number
  readonly dueMs: number | undefined
}

export interface Jobs {
  /** undefined when the name is taken. */
  create(spec: JobSpec): Promise<Job | undefined>
  get(id: string): Promise<Job | undefined>
  /** By name, after `after`. */
  list(after: string, most: number): Promise<readonly Job[]>
  replace(id: string, version: number, spec: JobSpec): Promise<Job | 'not-this-version' | 'name-taken'>
  /** Its history goes with it; false when there is none or a run is under way. */
  remove(id: string): Promise<boolean>
}

export function createJobs(database: Database, dialect: Dialect): Jobs {
  const byName = (name: string) => database.selectFrom('jobs').select('id').where('name', '=', name)
  const get = async (id: string): Promise<Job | undefined> => {
    const row = await database.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? undefined : jobOf(row)
  }

  return {
    get,
    async create(spec) {
      const now = Date.now()
      const row: JobRow = {
        id: randomUUID(),
        name: spec.name,
        spec: JSON.stringify(spec),
        version: 1,
        created_ms: now,
        updated_ms: now,
        due_ms: nextDueMs(spec, now) ?? null,
      }
      try {
        await dialect.lastingly(database, on =>
          on.transaction().execute(async transaction => {
            await transaction.insertInto('jobs').values(row).execute()
            // A lease always has its row, so that taking it is one update in every dialect.
            await transaction
              .insertInto('leases')
              .values({ name: leaseOfJob(row.id), token: 0, expires_ms: 0 })
              .execute()
          }),
        )
      } catch (error) {
        if ((await byName(spec.name).executeTakeFirst()) !== undefined) return undefined
        throw error
      }
      return jobOf(row)
    },
    async list(after, most) {
      const query = database.selectFrom('jobs').selectAll().where('name', '>', after).orderBy('name')
      return (await take(query, most, dialect).execute()).map(jobOf)
    },
    async replace(id, version, spec) {
      const now = Date.now()
      const change = (on: Database) =>
        on
          .updateTable('jobs')
          .set({
            name: spec.name,
            spec: JSON.stringify(spec),
            version: version + 1,
            updated_ms: now,
            due_ms: nextDueMs(spec, now) ?? null,
          })
          .where('id', '=', id)
          .where('version', '=', version)
          .executeTakeFirst()
      try {
        const { numUpdatedRows } = await dialect.lastingly(database, change)
        if (numUpdatedRows !== 1n) return 'not-this-version'
      } catch (error) {
        const other = await byName(spec.name).where('id', '!=', id).executeTakeFirst()
        if (other !== undefined) return 'name-taken'
        throw error
      }
      return (await get(id)) ?? 'not-this-version'
    },
    remove: id =>
      dialect.lastingly(database, on => on.transaction().execute(transaction => removeJob(transaction, id))),
  }

  async function removeJob(transaction: Transaction<Schema>, id: string): Promise<boolean> {
    // Locks the lease's row: no replica can begin a run of this job while it goes.
    const { numUpdatedRows } = await transaction
      .updateTable('leases')
      .set({ holder: null })
      .where('name', '=', leaseOfJob(id))
      .where('expires_ms', '<', dialect.nowMs)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) return false
    const runs = transaction.selectFrom('runs').select('id').where('job_id', '=', id)
    const uploads = transaction.selectFrom('uploads').select('id').where('job_id', '=', id)
    await transaction.deleteFrom('run_objects').where('run_id', 'in', runs).execute()
    await transaction.deleteFrom('runs').where('job_id', '=', id).execute()
    await transaction.deleteFrom('upload_parts').where('upload_id', 'in', uploads).execute()
    await transaction.deleteFrom('uploads').where('job_id', '=', id).execute()
    await transaction.deleteFrom('leases').where('name', '=', leaseOfJob(id)).execute()
    await transaction.deleteFrom('jobs').where('id', '=', id).execute()
    return true
  }
}

export function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    spec: jobSpecSchema.parse(JSON.parse(row.spec)),
    version: row.version,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    dueMs: row.due_ms ?? undefined,
  }
}
