import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checklistJson } from '../../../src/cli/checklist-file.ts'
import { runCommandLine } from '../../../src/cli/main.ts'
import { checklistPage } from '../../../src/cli/report/checklist-page.ts'
import type { CheckRow } from '../../../src/engine/check.ts'
import { stateOfChecklist } from '../../../src/phases/8-readiness/checklist.ts'
import { temporaryFolder } from '../engine/support.ts'
import { quietIo } from './harness.ts'

const now = new Date('2026-12-01T12:00:00Z')
const runId = '20261201T120000Z-aaaaaa'
const validated = '20261120T080000Z-bbbbbb'
const attack = '"><script src="https://evil.example/x.js"></script>'
const row = (id: CheckRow['id'], status: CheckRow['status'], more: Partial<CheckRow> = {}): CheckRow => ({
  id,
  phase: 5,
  cloud: 'aws',
  title: `title of ${id}`,
  status,
  detail: 'seen',
  remedy: [],
  durationMs: 1,
  ...more,
})
const rows = [
  row('7.aws.validation', 'pass', { basis: { at: '2026-11-20T08:00:00Z', runId: validated } }),
  row('5.aws.dashboards', 'fail', { detail: `three are missing${attack}`, remedy: ['mlp phase 5'] }),
]
const signOffs = new Map([
  ['team-training', { by: `Ada${attack}`, at: '2026-11-30T08:00:00.000Z', runId: '../../../etc' }],
])
const document = checklistJson(stateOfChecklist(rows, signOffs, now, runId), {
  project: 'ml-platform',
  environment: 'dev',
  target: 'sandbox',
  runId,
  at: now.toISOString(),
})
const articleOf = (page: string, id: string) =>
  page.slice(page.indexOf(`id="${id}"`)).split('</article>')[0] ?? ''

test('the page tells of each item what was seen, when, by which run, for how long, and who answers for it', () => {
  const filesOf = (id: string) => [{ name: 'log', href: `../${id}/log.txt` }]
  const page = checklistPage(document, { now, filesOf })
  expect(articleOf(page, 'tests')).toMatch(
    /✔ done.*All tests passing[\s\S]*platform team[\s\S]*2026-12-20[\s\S]*7\.aws\.validation[\s\S]*2026-11-20 08:00 UTC[\s\S]*href="\.\.\/20261120T080000Z-bbbbbb\/log\.txt"/,
  )
  expect(articleOf(page, 'dashboards')).toMatch(/✖ open[\s\S]*three are missing[\s\S]*<li>mlp phase 5<\/li>/)
  expect(articleOf(page, 'team-training')).toMatch(/✔ done[\s\S]*Signed[\s\S]*Ada/)
  expect(page.indexOf('id="dashboards"')).toBeLessThan(page.indexOf('id="tests"'))
  expect(page).not.toContain('<script')
  expect(page).not.toMatch(/(src|href)="https?:/)
})

test('an item is open again once what was seen is too old, whatever it was then', () => {
  const page = checklistPage(document, { now: new Date('2026-12-21T00:00:00Z'), filesOf: () => [] })
  expect(articleOf(page, 'tests')).toMatch(/✖ open[\s\S]*too old by now[\s\S]*Held until[\s\S]*2026-12-20/)
})

test('mlp report --checklist links what the runs left on this machine, and nothing else', async () => {
  const folder = await temporaryFolder()
  const runs = join(folder, '.mlp/sandbox/ml-platform-dev/runs')
  for (const id of [runId, validated]) {
    await mkdir(join(runs, id), { recursive: true })
    await writeFile(join(runs, id, 'log.txt'), 'a log\n')
  }
  await writeFile(join(runs, runId, 'checklist.json'), JSON.stringify(document))
  const { io, out } = quietIo(folder)
  expect(await runCommandLine(['report', '--checklist'], io)).toBe(0)
  const page = await readFile(out().trim(), 'utf8')
  const links = [...page.matchAll(/href="([^"]*)"/g)].map(match => match[1])
  expect(new Set(links)).toEqual(new Set([`../${runId}/log.txt`, `../${validated}/log.txt`]))
  expect(page).toContain('../../../etc')
}, 180_000)
