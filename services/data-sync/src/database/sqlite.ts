import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { SqliteAdapter, type SqliteDatabase, SqliteDialect, type SqliteStatement, sql } from 'kysely'
import type { Dialect } from './dialect.ts'

/**
 * The embedded database: one file (mode 0600), by Node's own SQLite. A killed process loses nothing of it. Waiting for
 * the disk holds up everything else here, so that is done (`synchronous=FULL`) only for what has to last.
 * Several processes may share it on one machine; a network file system's locks are not good enough.
 */
export function sqlite(file: string): Dialect {
  const dialect = new SqliteDialect({ database: async () => open(file) })
  // SQLite's tables are made in transactions like all else; Kysely's migrator believes not, and would leave half of them
  // behind a crash, and two replicas in each other's way.
  dialect.createAdapter = () =>
    Object.defineProperty(new SqliteAdapter(), 'supportsTransactionalDdl', { value: true })
  return {
    name: 'sqlite',
    kysely: dialect,
    nowMs: sql<number>`(unixepoch('subsec') * 1000.0)`,
    shortText: 'text',
    longText: 'text',
    // On the one connection there is, which nobody else uses meanwhile.
    lastingly: (database, write) =>
      database.connection().execute(async on => {
        await sql`pragma synchronous = full`.execute(on)
        try {
          return await write(on)
        } finally {
          await sql`pragma synchronous = normal`.execute(on)
        }
      }),
  }
}

function open(file: string): SqliteDatabase {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file)
  database.exec('PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
  const prepared = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(text) {
      const known = prepared.get(text)
      if (known !== undefined) return known
      const statement = prepare(database, text)
      // The program's own statements are few; those with lists of values have many lengths.
      if (prepared.size < 200) prepared.set(text, statement)
      return statement
    },
  }
}

function prepare(database: DatabaseSync, text: string): SqliteStatement {
  // Kysely begins transactions that take the write lock late; where another process wrote in between, SQLite could only
  // refuse them.
  const statement = database.prepare(text === 'begin' ? 'begin immediate' : text)
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters.map(inputValue)
  return {
    reader: statement.columns().length > 0,
    all: parameters => statement.all(...values(parameters)),
    run: parameters => statement.run(...values(parameters)),
    iterate: parameters => statement.iterate(...values(parameters)),
  }
}

function inputValue(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  throw new TypeError(`not a value of this schema: ${typeof value}`)
}
