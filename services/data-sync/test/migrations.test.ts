import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readSettings } from '@mlp/service-kit/settings'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openDatabase } from '../src/database/open-database.ts'
import type { Database } from '../src/database/schema.ts'
import { settingsSchema } from '../src/settings.ts'

const opener = fileURLToPath(new URL('support/open-sqlite.ts', import.meta.url))

test('replicas that start at once on a new SQLite file take turns at making its tables', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'data-sync-migrations-'))
  try {
    for (let round = 0; round < 2; round++) {
      const file = join(folder, `${round}.db`)
      const replicas = Array.from({ length: 4 }, () =>
        promisify(execFile)(process.execPath, [opener, file], { timeout: 50_000 }),
      )
      const outputs = await Promise.all(replicas)
      // The leader's lease, made once.
      expect(outputs.map(({ stdout }) => stdout)).toEqual(['1', '1', '1', '1'])
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('SQLite waits for the disk for what a caller is told, and for nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'data-sync-sqlite-'))
  const settings = readSettings(settingsSchema, { DATABASE_URL: `sqlite:${join(folder, 'test.db')}` })
  const { database, dialect } = await openDatabase(settings, () => {})
  /** 2 is full, 1 is normal. */
  const waits = async (on: Database) =>
    (await sql<{ synchronous: number }>`pragma synchronous`.execute(on)).rows[0]?.synchronous
  expect(await waits(database)).toBe(1)
  const [inside, beside] = await Promise.all([dialect.lastingly(database, waits), waits(database)])
  expect([inside, beside]).toEqual([2, 1])
  const failing = dialect.lastingly(database, () => Promise.reject(new Error('not written')))
  await expect(failing).rejects.toThrow('not written')
  expect(await waits(database)).toBe(1)
  await database.destroy()
  await rm(folder, { recursive: true })
})
