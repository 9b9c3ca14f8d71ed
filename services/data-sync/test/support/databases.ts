import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSettings } from '@mlp/service-kit/settings'
import type { Dialect } from '../../src/database/dialect.ts'
import { openDatabase } from '../../src/database/open-database.ts'
import type { Database } from '../../src/database/schema.ts'
import { settingsSchema } from '../../src/settings.ts'
import { postgresPrograms, startPostgres } from './postgres.ts'

export interface TestDatabase extends AsyncDisposable {
  /** The service's settings for it. */
  readonly settings: Readonly<Record<string, string>>
  /**
   * Can one process hold two connections? Node's SQLite waits for a lock without giving way to the one who holds it;
   * its replicas are other processes (replicas.test.ts).
   */
  readonly manyConnections: boolean
  open(): Promise<{ readonly database: Database; readonly dialect: Dialect }>
}

const programs = await postgresPrograms()

/** The databases that this machine has: a test says which it lacks by the name of what it skips. */
export const databases: readonly { name: string; skip: boolean; start: () => Promise<TestDatabase> }[] = [
  { name: 'SQLite', skip: false, start: startSqlite },
  {
    name: programs === undefined ? 'PostgreSQL (not installed here)' : 'PostgreSQL',
    skip: programs === undefined,
    start: startPostgresDatabase,
  },
  // No SQL Server is to be had where these tests run: its dialect is untested, and this line says so in every run.
  { name: 'SQL Server (not to be had here)', skip: true, start: startSqlite },
]

async function startSqlite(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'data-sync-sqlite-'))
  return {
    ...opener({ DATABASE_URL: `sqlite:${join(folder, 'test.db')}` }),
    manyConnections: false,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

async function startPostgresDatabase(): Promise<TestDatabase> {
  if (programs === undefined) throw new Error('PostgreSQL is not installed')
  const server = await startPostgres(programs)
  return {
    ...opener({ DATABASE_URL: server.url, DATABASE_TLS: 'off' }),
    manyConnections: true,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function opener(settings: Readonly<Record<string, string>>) {
  return { settings, open: () => openDatabase(readSettings(settingsSchema, settings), () => {}) }
}
