import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseCatalogue } from '../src/repository/catalogue.ts'
import { settingsSchema } from '../src/settings.ts'
import { startServing, temporaryFolder } from './support.ts'

const page = await readFile(join(import.meta.dirname, '../../../docs/services/model-serving.md'), 'utf8')

test('the commands on the page give what the page says', async () => {
  await using serving = await startServing()
  await using folder = await temporaryFolder()
  const examples = [...page.matchAll(/```sh\n([^`]*)```\n```json\n([^`]*)```/g)]
  expect(examples.length).toBeGreaterThan(4)
  for (const [, command = '', expected = ''] of examples) {
    const script = command.replaceAll('http://localhost:8080', serving.url)
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], { cwd: folder.path })
    expect(JSON.parse(stdout), command).toEqual(JSON.parse(expected))
  }
})

test('the catalogue on the page is one', () => {
  expect(parseCatalogue(/```json catalogue\n([\s\S]*?)```/.exec(page)?.[1] ?? '').models).toHaveLength(2)
})

test('every setting is on the page, and none that does not exist', () => {
  const table = page.slice(page.indexOf('## Settings'), page.indexOf('## Metrics'))
  const named = [...table.matchAll(/^\| (`[^|]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  expect(named.sort()).toEqual(Object.keys(settingsSchema.shape).sort())
})

test('every metric of the models is on the page, and none that does not exist', async () => {
  await using serving = await startServing()
  const metrics = await (await fetch(`${serving.url}/metrics`)).text()
  const exposed = [...metrics.matchAll(/^# TYPE (model_\w+) /gm)].map(([, name]) => name)
  const named = [...page.slice(page.indexOf('## Metrics')).matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
  expect(named.sort()).toEqual(exposed.sort())
})
