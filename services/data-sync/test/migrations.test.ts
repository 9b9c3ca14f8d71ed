import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

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
