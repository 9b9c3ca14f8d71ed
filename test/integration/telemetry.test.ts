import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { type Config, environmentNames } from '../../src/config/schema.ts'
import type { KubeObject } from '../../src/kube/objects.ts'
import { telemetry } from '../../src/phases/5-monitoring/telemetry.ts'
import { readPins } from '../../src/tools/toolchain/versions.ts'
import { program } from '../support/programs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The collector is built where it is not there yet. */
const buildMs = 1_200_000

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-telemetry-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function objectsOf(config: Config): Promise<readonly KubeObject[]> {
  const context = {
    config,
    templates: join(root, 'templates'),
    clouds: new Map(),
    outputs: () => undefined,
    signal: new AbortController().signal,
  }
  const each = await Promise.all(telemetry.map(one => one.objects(context, 'aws')))
  return each.flatMap(objects => objects ?? [])
}

const dataSchema = z.record(z.string(), z.string())

test.each(environmentNames)(
  'the collector itself takes its configurations, in %s',
  {
    timeout: buildMs,
  },
  async environment => {
    const binary = await program('otel-collector')
    const objects = await objectsOf(defaultSandboxConfig(environment))
    const configurations = objects
      .flatMap(({ kind, ...object }) =>
        kind === 'ConfigMap' ? Object.entries(dataSchema.parse(object['data'])) : [],
      )
      .filter(([file]) => file === 'collector.yaml')
    expect(configurations).toHaveLength(2)
    for (const [, text] of configurations) {
      const file = join(folder, 'collector.yaml')
      await writeFile(file, text)
      const run = promisify(execFile)(binary, ['validate', `--config=${file}`], {
        env: { POD_IP: '127.0.0.1' },
        timeout: 300_000,
      })
      await run.catch((error: { stderr?: string; message: string }) =>
        expect.fail(`${error.message}\n${error.stderr}`),
      )
    }
  },
)

test('what mlp.yaml does not want is not there', async () => {
  const plain = defaultSandboxConfig('dev')
  const names = async (monitoring: Config['monitoring']) =>
    (await objectsOf({ ...plain, monitoring })).map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  expect(await names({ logs: 'none', traces: 'none' })).toEqual([])
  const withoutLogs = await names({ logs: 'none' })
  expect(withoutLogs.filter(name => /victoria|agent|datasource-logs/.test(name))).toEqual([])
  expect(withoutLogs).toContain('Deployment otel-collector')
  const withoutTraces = await names({ traces: 'none' })
  expect(withoutTraces.filter(name => /jaeger|Deployment|Service otel|datasource-traces/.test(name))).toEqual(
    [],
  )
  expect(withoutTraces).toContain('DaemonSet otel-agent')
})

test('images are of the versions that are pinned, and from the registry that mlp.yaml names', async () => {
  const pins = await readPins(root)
  const config = {
    ...defaultSandboxConfig('dev'),
    monitoring: { imageRegistry: 'registry.example.com/mirror' },
  }
  const images = [...JSON.stringify(await objectsOf(config)).matchAll(/"image":"([^"]+)"/g)].map(
    ([, image]) => image,
  )
  const collector = `registry.example.com/mirror/otel/opentelemetry-collector-contrib:${pins['otel-collector'].version}`
  expect(images.toSorted()).toEqual([
    'registry.example.com/mirror/jaegertracing/jaeger:2.13.0',
    collector,
    collector,
    `registry.example.com/mirror/victoriametrics/victoria-logs:v${pins['victoria-logs'].version}`,
  ])
  const recipes = await readFile(join(root, 'sandbox/src/workloads/recipes/telemetry.ts'), 'utf8')
  for (const image of images) expect(recipes).toContain(`'${image?.split(':')[1]}'`)
})
