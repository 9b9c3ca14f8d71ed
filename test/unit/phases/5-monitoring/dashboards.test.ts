import { spawnSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { createGatewayMetrics } from '../../../../services/api-gateway/src/metrics.ts'
import { createMetrics } from '../../../../services/data-sync/src/metrics.ts'
import { createSemaphore } from '../../../../services/data-sync/src/semaphore.ts'
import { createHttpMetrics } from '../../../../services/kit/src/metrics.ts'
import { createInferenceMetrics } from '../../../../services/model-serving/src/metrics.ts'
import { loadObjects } from '../../../../src/phases/2-kubernetes/templates.ts'
import { readDashboards } from '../../../../src/phases/5-monitoring/declarations.ts'
import { metricNames } from './metric-names.ts'

const templates = fileURLToPath(new URL('../../../../templates', import.meta.url))
const panelSchema = z.looseObject({
  title: z.string().min(1),
  description: z.string().min(10),
  fieldConfig: z.looseObject({ defaults: z.looseObject({ unit: z.string().min(1) }) }),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int().max(24), h: z.int() }),
  targets: z.array(z.looseObject({ expr: z.string().min(1) })).min(1),
})
const dashboardSchema = z.looseObject({
  uid: z.string().regex(/^mlp-[a-z-]+$/),
  title: z.string(),
  tags: z.array(z.string()),
  panels: z.array(panelSchema).min(1),
})
const rulesSchema = z.looseObject({
  spec: z.looseObject({
    groups: z.array(
      z.looseObject({
        rules: z.array(z.looseObject({ expr: z.string(), record: z.string().optional() })),
      }),
    ),
  }),
})

let dashboards: readonly z.infer<typeof dashboardSchema>[]
let rules: readonly { readonly expr: string; readonly record?: string | undefined }[]
let known: ReadonlySet<string>

beforeAll(async () => {
  dashboards = (await readDashboards({ templates })).map(({ text }) =>
    dashboardSchema.parse(JSON.parse(text)),
  )
  const objects = await loadObjects(`${templates}/monitoring/rules.yaml`)
  rules = objects.flatMap(object => rulesSchema.parse(object).spec.groups.flatMap(group => group.rules))
  known = new Set([
    ...(await servicesMetrics()),
    ...(await thirdPartyMetrics()),
    ...rules.flatMap(({ record }) => (record === undefined ? [] : [record])),
  ])
})

/** What the services' own registries expose, with the names that a histogram's series have. */
async function servicesMetrics(): Promise<readonly string[]> {
  const { registry } = createHttpMetrics({ name: 'test', version: '1' })
  createGatewayMetrics(registry, () => [])
  createInferenceMetrics(registry).watch({ served: () => [] } as never)
  createMetrics(registry, createSemaphore(1))
  const text = await registry.metrics()
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map(part => name + part) : [name],
  )
}

async function thirdPartyMetrics(): Promise<readonly string[]> {
  const text = await readFile(new URL('third-party-metrics.yaml', import.meta.url), 'utf8')
  const schema = z.record(
    z.string(),
    z.strictObject({ source: z.string().min(1), metrics: z.array(z.string()) }),
  )
  return Object.values(schema.parse(parse(text))).flatMap(({ metrics }) => metrics)
}

test('the guide’s six dashboards and one over all clusters, each with its own uid', () => {
  expect(dashboards.map(({ uid }) => uid)).toEqual([
    'mlp-capacity',
    'mlp-data-sync',
    'mlp-fleet',
    'mlp-gateway',
    'mlp-mesh',
    'mlp-model-serving',
    'mlp-overview',
  ])
  for (const { tags, uid } of dashboards) expect(tags, uid).toContain('mlp')
})

test('panels lie beside each other, not on each other', () => {
  for (const { uid, panels } of dashboards) {
    const taken = new Set<string>()
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, `${uid}: ${title}`).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`), `${uid}: ${title} lies on another`).toBe(false)
          taken.add(`${x},${y}`)
        }
      }
    }
  }
})

test('every metric of a dashboard is one that somebody exposes', () => {
  for (const { uid, panels } of dashboards) {
    for (const { title, targets } of panels) {
      for (const { expr } of targets) {
        const names = metricNames(expr)
        expect(names.length, `${uid}: ${title} asks for no metric`).toBeGreaterThan(0)
        for (const name of names) expect(known, `${uid}: ${title} asks for ${name}`).toContain(name)
      }
    }
  }
})

test('every metric of a rule is one that somebody exposes', () => {
  for (const { expr } of rules)
    for (const name of metricNames(expr)) expect(known, `${expr} asks for ${name}`).toContain(name)
})

test('every metric that a runbook asks for is one that somebody exposes', async () => {
  const asked = await runbookExpressions()
  expect(asked.length).toBeGreaterThan(20)
  for (const { page, expr } of asked)
    for (const name of metricNames(expr)) expect(known, `${page} asks for ${name}`).toContain(name)
})

test('the commands of every runbook are ones that a shell can read', async () => {
  const pages = await runbookPages()
  expect(pages.length).toBeGreaterThan(25)
  for (const { page, text } of pages) {
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
    expect(blocks.length, page).toBeGreaterThan(0)
    for (const block of blocks) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: block, encoding: 'utf8' })
      expect({ status, stderr }, `${page}: ${block}`).toEqual({ status: 0, stderr: '' })
      for (const line of block.trim().split('\n'))
        if (line.startsWith('kubectl ')) expect(line, page).toContain('--context aws-dev')
    }
  }
})

async function runbookPages() {
  const folder = fileURLToPath(new URL('../../../../docs/runbooks', import.meta.url))
  const files = (await readdir(folder)).filter(file => file !== 'README.md')
  return await Promise.all(
    files.map(async page => ({ page, text: await readFile(`${folder}/${page}`, 'utf8') })),
  )
}

async function runbookExpressions() {
  return (await runbookPages()).flatMap(({ page, text }) =>
    [...text.matchAll(/--data-urlencode 'query=([^']+)'/g)].map(([, expr = '']) => ({ page, expr })),
  )
}

test('no metric is listed that nobody asks for', async () => {
  const expressions = [
    ...(await runbookExpressions()).map(({ expr }) => expr),
    ...rules.map(({ expr }) => expr),
    ...dashboards.flatMap(({ panels }) => panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))),
  ]
  const used = new Set(expressions.flatMap(metricNames))
  for (const name of await thirdPartyMetrics()) expect(used, name).toContain(name)
})

test('what counts as a metric in an expression', () => {
  const expr =
    'sum by (a, b) (rate(m_total{l="x{y}", k=~"z.*"}[5m])) / on (a) group_left (c) n:o:p * 1e3 > bool 2'
  expect(metricNames(expr)).toEqual(['m_total', 'n:o:p'])
  expect(metricNames('time() - max(t) or vector(0) unless absent(up)')).toEqual(['t', 'up'])
})
