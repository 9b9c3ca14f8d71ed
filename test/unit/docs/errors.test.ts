import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { errorRanges } from '../../../src/engine/error-catalogue/catalogue.ts'

const root = join(import.meta.dirname, '../../..')

test('docs/errors.md and docs/TROUBLESHOOTING.md are what `node scripts/errors-page.mjs` writes now', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-errors-page-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const [file = '', ...others] = ['errors.md', 'TROUBLESHOOTING.md']
  await promisify(execFile)(process.execPath, [join(root, 'scripts/errors-page.mjs'), join(folder, file)])
  for (const name of [file, ...others])
    expect(await readFile(join(root, 'docs', name), 'utf8'), name).toBe(
      await readFile(join(folder, name), 'utf8'),
    )
})

test('docs/TROUBLESHOOTING.md leads to every code once', async () => {
  const page = await readFile(join(root, 'docs/TROUBLESHOOTING.md'), 'utf8')
  const led = [...page.matchAll(/^- \[(MLP\d+)\]\(errors\.md#mlp\d+\)/gm)].map(([, code]) => code)
  expect(led.toSorted()).toEqual(errorRanges.flatMap(({ errors }) => Object.keys(errors)).toSorted())
})
