import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import type { KubeObject } from '../../src/kube/objects.ts'
import { loadObjects } from '../../src/phases/2-kubernetes/templates.ts'
import { readDashboards } from '../../src/phases/5-monitoring/declarations.ts'
import { program } from '../support/programs.ts'

const templates = fileURLToPath(new URL('../../templates', import.meta.url))
const runbooks = fileURLToPath(new URL('../../docs/runbooks', import.meta.url))
/** promtool is built where it is not there yet. */
const buildMs = 1_200_000

const scenarioSchema = z.strictObject({
  alert: z.string(),
  every: z.enum(['1m', '10m']).default('1m'),
  series: z.record(z.string(), z.string()),
  quiet: z.string().optional(),
  fires: z.string().optional(),
  resolved: z.string().optional(),
})
const dashboardSchema = z.looseObject({
  panels: z.array(
    z.looseObject({ title: z.string(), targets: z.array(z.looseObject({ expr: z.string() })) }),
  ),
})
const groupsSchema = z.looseObject({
  spec: z.looseObject({
    groups: z.array(
      z.looseObject({
        name: z.string(),
        rules: z.array(
          z.looseObject({
            alert: z.string().optional(),
            labels: z.record(z.string(), z.string()).default({}),
            annotations: z.record(z.string(), z.string()).default({}),
          }),
        ),
      }),
    ),
  }),
})

let folder: string
let scenarios: readonly z.infer<typeof scenarioSchema>[]
let objects: readonly KubeObject[]
let groups: readonly z.infer<typeof groupsSchema>['spec']['groups'][number][]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-alerts-'))
  objects = await loadObjects(join(templates, 'monitoring', 'rules.yaml'))
  groups = objects.flatMap(groupsOf)
  const text = await readFile(new URL('fixtures/alerts.yaml', import.meta.url), 'utf8')
  scenarios = z.array(scenarioSchema).parse(parse(text))
  await writeFile(join(folder, 'rules.yaml'), stringify({ groups }))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const groupsOf = (object: KubeObject) => groupsSchema.parse(object).spec.groups
const alerts = () => groups.flatMap(group => group.rules).filter(rule => rule.alert !== undefined)

async function promtool(...args: readonly string[]): Promise<string> {
  const run = promisify(execFile)
  const file = await program('promtool')
  const { stdout, stderr } = await run(file, [...args], { cwd: folder, timeout: 900_000 }).catch(
    (error: { stdout?: string; stderr?: string; message: string }) => {
      throw new Error(`promtool ${args.join(' ')}: ${error.message}\n${error.stdout}\n${error.stderr}`)
    },
  )
  return `${stdout}${stderr}`
}

test('promtool takes every rule', { timeout: buildMs }, async () => {
  expect(await promtool('check', 'rules', 'rules.yaml')).toContain('SUCCESS')
})

test('promtool takes every expression of every dashboard', { timeout: buildMs }, async () => {
  const dashboards = await readDashboards({ templates })
  const expressions = dashboards.flatMap(({ uid, text }) =>
    dashboardSchema
      .parse(JSON.parse(text))
      .panels.flatMap(({ title, targets }) =>
        targets.map(({ expr }) => ({ from: `${uid}: ${title}`, expr })),
      ),
  )
  expect(expressions.length).toBeGreaterThan(50)
  const rules = expressions.map(({ from, expr }, index) => ({
    record: `expression:${index}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
    labels: { from },
  }))
  await writeFile(join(folder, 'expressions.yaml'), stringify({ groups: [{ name: 'expressions', rules }] }))
  expect(await promtool('check', 'rules', 'expressions.yaml')).toContain(`${expressions.length} rules found`)
})

test('every alert is silent, fires and resolves as it should', { timeout: buildMs }, async () => {
  const state = (alert: string, at: string | undefined, value: 0 | 1) =>
    at === undefined
      ? []
      : [
          {
            expr: `(count(ALERTS{alertname="${alert}", alertstate="firing"}) or vector(0)) > bool 0`,
            eval_time: at,
            exp_samples: [{ labels: '{}', value }],
          },
        ]
  // An alert is computed from its own object's rules; promtool takes its time for each rule that it looks at.
  const files = objects.map((object, index) => ({ file: `rules-${index}.yaml`, groups: groupsOf(object) }))
  for (const { file, groups } of files) {
    // How often a group is looked at is up to the scenarios.
    const plain = groups.map(({ interval: _, ...group }) => group)
    await writeFile(join(folder, file), stringify({ groups: plain }))
    const names = groups.flatMap(group => group.rules.flatMap(({ alert }) => alert ?? []))
    for (const every of ['1m', '10m']) {
      const tests = scenarios
        .filter(scenario => scenario.every === every && names.includes(scenario.alert))
        .map(({ alert, series, quiet, fires, resolved }, index) => ({
          name: `${index + 1} ${alert}`,
          interval: every,
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            ...state(alert, quiet, 0),
            ...state(alert, fires, 1),
            ...state(alert, resolved, 0),
          ],
        }))
      if (tests.length === 0) continue
      const document = {
        rule_files: [file],
        evaluation_interval: every,
        // What alerts are computed from comes first; promtool knows no order by itself.
        group_eval_order: groups.map(({ name }) => name),
        tests,
      }
      await writeFile(join(folder, 'tests.yaml'), stringify(document))
      expect(await promtool('test', 'rules', 'tests.yaml')).toContain('SUCCESS')
    }
  }
})

test('no alert goes untested: each fires, and all but the watchdog resolve', () => {
  for (const { alert = '' } of alerts()) {
    const own = scenarios.filter(scenario => scenario.alert === alert)
    expect(
      own.some(({ fires }) => fires !== undefined),
      `${alert} fires in no test`,
    ).toBe(true)
    if (alert !== 'Watchdog')
      expect(
        own.some(({ resolved }) => resolved !== undefined),
        `${alert} resolves in no test`,
      ).toBe(true)
  }
  const names = alerts().map(({ alert }) => alert)
  for (const { alert } of scenarios) expect(names).toContain(alert)
})

test('each alert says how bad it is, what it is, and where its runbook is', async () => {
  for (const { alert = '', labels, annotations } of alerts()) {
    expect(['critical', 'warning', 'none'], alert).toContain(labels['severity'])
    expect(annotations['summary'], alert).toBeTruthy()
    expect(annotations['description'], alert).toBeTruthy()
    expect(annotations['runbook_url'], alert).toBe(`docs/runbooks/${alert}.md`)
    const runbook = await readFile(join(runbooks, `${alert}.md`), 'utf8')
    expect(runbook, `${alert}.md names its alert`).toContain(`# ${alert}\n`)
    expect(runbook, `${alert}.md has a command to paste`).toMatch(/```sh\n/)
  }
})

test('no runbook is left of an alert that is no more', async () => {
  const names = new Set(alerts().map(({ alert }) => `${alert}.md`))
  for (const file of await readdir(runbooks)) if (file !== 'README.md') expect(names).toContain(file)
})
