import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import * as z from 'zod'
import type { Attributes, ResourceStore, StoredResource } from './resource-store.ts'

const attributesText = z
  .string()
  .transform(text => JSON.parse(text))
  .pipe(z.record(z.string(), z.unknown()))
const resourceRow = z
  .object({ type: z.string(), id: z.string(), attributes: attributesText, created_at: z.string() })
  .transform(
    (row): StoredResource => ({
      type: row.type,
      id: row.id,
      attributes: row.attributes,
      createdAt: row.created_at,
    }),
  )
const factRow = z.object({ value: z.string() })
const factKeyRow = z.object({ key: z.string() })

/**
 * The resource store in one SQLite file (mode 0600). `synchronous=FULL` with a write-ahead log: what a call wrote
 * is on disk when it returns, so a killed daemon loses nothing that it answered for.
 */
export function openSqliteStore(file: string): ResourceStore & Disposable {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file)
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS resources (
      type TEXT NOT NULL, id TEXT NOT NULL, attributes TEXT NOT NULL, created_at TEXT NOT NULL,
      PRIMARY KEY (type, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS facts (
      namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID;
  `)
  const columns = 'type, id, attributes, created_at'
  const one = database.prepare(`SELECT ${columns} FROM resources WHERE type = ? AND id = ?`)
  const ofType = database.prepare(`SELECT ${columns} FROM resources WHERE type = ? ORDER BY created_at, id`)
  const every = database.prepare(`SELECT ${columns} FROM resources ORDER BY created_at, type, id`)
  const upsert = database.prepare(
    `INSERT INTO resources (${columns}) VALUES (?, ?, ?, ?)
     ON CONFLICT (type, id) DO UPDATE SET attributes = excluded.attributes RETURNING ${columns}`,
  )
  const remove = database.prepare('DELETE FROM resources WHERE type = ? AND id = ?')
  const fact = database.prepare('SELECT value FROM facts WHERE namespace = ? AND key = ?')
  const factKeys = database.prepare('SELECT key FROM facts WHERE namespace = ? ORDER BY key')
  const upsertFact = database.prepare(
    'INSERT INTO facts VALUES (?, ?, ?) ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value',
  )
  const removeFact = database.prepare('DELETE FROM facts WHERE namespace = ? AND key = ?')

  return {
    get(type, id) {
      const row = one.get(type, id)
      return row === undefined ? undefined : resourceRow.parse(row)
    },
    list: type => z.array(resourceRow).parse(ofType.all(type)),
    all: () => z.array(resourceRow).parse(every.all()),
    put(type: string, id: string, attributes: Attributes) {
      return resourceRow.parse(upsert.get(type, id, JSON.stringify(attributes), new Date().toISOString()))
    },
    delete(type, id) {
      remove.run(type, id)
    },
    getFact(namespace, key) {
      const row = fact.get(namespace, key)
      return row === undefined ? undefined : JSON.parse(factRow.parse(row).value)
    },
    listFacts: namespace =>
      z
        .array(factKeyRow)
        .parse(factKeys.all(namespace))
        .map(({ key }) => key),
    putFact(namespace, key, value) {
      upsertFact.run(namespace, key, JSON.stringify(value ?? null))
    },
    deleteFact(namespace, key) {
      removeFact.run(namespace, key)
    },
    [Symbol.dispose]() {
      database.close()
    },
  }
}
