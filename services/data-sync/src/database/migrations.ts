import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Dialect } from './dialect.ts'
import type { Database } from './schema.ts'

/** Brings the tables to this version's, all or nothing. Replicas that start at once take turns, by the database's own lock. */
export async function migrate(database: Database, dialect: Dialect): Promise<void> {
  const provider = { getMigrations: async () => ({ '2026-11-first': first(dialect) }) }
  const { error } = await new Migrator({ db: database, provider }).migrateToLatest()
  if (error !== undefined) throw error
}

function first({ longText, shortText }: Dialect): Migration {
  const short = sql.raw(shortText)
  const long = sql.raw(longText)
  const number = 'double precision'
  const table = (database: Kysely<unknown>, name: string): CreateTableBuilder<string, never> =>
    database.schema.createTable(name)

  return {
    async up(database: Kysely<unknown>) {
      await table(database, 'jobs')
        .addColumn('id', short, column => column.primaryKey())
        .addColumn('name', short, column => column.notNull().unique())
        .addColumn('spec', long, column => column.notNull())
        .addColumn('version', number, column => column.notNull())
        .addColumn('created_ms', number, column => column.notNull())
        .addColumn('updated_ms', number, column => column.notNull())
        .addColumn('due_ms', number)
        .execute()
      await table(database, 'runs')
        .addColumn('id', short, column => column.primaryKey())
        .addColumn('job_id', short, column => column.notNull())
        .addColumn('wish', short, column => column.notNull().unique())
        .addColumn('state', short, column => column.notNull())
        .addColumn('dry_run', number, column => column.notNull())
        .addColumn('scheduled_ms', number)
        .addColumn('spec', long, column => column.notNull())
        .addColumn('attempt', number, column => column.notNull().defaultTo(0))
        .addColumn('holder', short)
        .addColumn('cancel', number, column => column.notNull().defaultTo(0))
        .addColumn('progress', long)
        .addColumn('problem', long)
        .addColumn('created_ms', number, column => column.notNull())
        .addColumn('started_ms', number)
        .addColumn('finished_ms', number)
        .execute()
      await database.schema.createIndex('runs_by_job').on('runs').columns(['job_id', 'created_ms']).execute()
      await database.schema.createIndex('runs_by_state').on('runs').columns(['state', 'created_ms']).execute()
      await table(database, 'run_objects')
        .addColumn('run_id', short, column => column.notNull())
        .addColumn('sequence', number, column => column.notNull())
        .addColumn('destination', number, column => column.notNull())
        .addColumn('object_key', long, column => column.notNull())
        .addColumn('action', short, column => column.notNull())
        .addColumn('outcome', short, column => column.notNull())
        .addColumn('bytes', number, column => column.notNull())
        .addColumn('content_hash', long)
        .addColumn('reason', long)
        .addColumn('at_ms', number, column => column.notNull())
        .addPrimaryKeyConstraint('run_objects_key', ['run_id', 'sequence'])
        .execute()
      await table(database, 'uploads')
        .addColumn('id', short, column => column.primaryKey())
        .addColumn('job_id', short, column => column.notNull())
        .addColumn('location', long, column => column.notNull())
        .addColumn('object_key', long, column => column.notNull())
        .addColumn('handle', long, column => column.notNull())
        .addColumn('mark', long, column => column.notNull())
        .addColumn('part_bytes', number, column => column.notNull())
        .addColumn('run_id', short, column => column.notNull())
        .execute()
      await database.schema.createIndex('uploads_by_job').on('uploads').column('job_id').execute()
      await table(database, 'upload_parts')
        .addColumn('upload_id', short, column => column.notNull())
        .addColumn('number', number, column => column.notNull())
        .addColumn('sha256', short, column => column.notNull())
        .addColumn('crc32c', number, column => column.notNull())
        .addPrimaryKeyConstraint('upload_parts_key', ['upload_id', 'number'])
        .execute()
      await table(database, 'leases')
        .addColumn('name', short, column => column.primaryKey())
        .addColumn('holder', short)
        .addColumn('token', number, column => column.notNull())
        .addColumn('expires_ms', number, column => column.notNull())
        .execute()
      await sql`insert into leases (name, token, expires_ms) values ('leader', 0, 0)`.execute(database)
    },
  }
}
