import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')

test('docs/errors.md is what `node scripts/errors-page.mjs` writes now', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-errors-page-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const fresh = join(folder, 'errors.md')
  await promisify(execFile)(process.execPath, [join(root, 'scripts/errors-page.mjs'), fresh])
  expect(await readFile(join(root, 'docs/errors.md'), 'utf8')).toBe(await readFile(fresh, 'utf8'))
})
