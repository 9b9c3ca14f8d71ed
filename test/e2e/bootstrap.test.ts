import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { renderDocument } from '../../src/cli/contract.ts'
import { kubectlDiff, kubectlJson } from '../support/kubectl.ts'
import {
  createPlayground,
  expectSuccess,
  type Finished,
  failuresOf,
  type Playground,
  parseEvents,
} from '../support/mlp.ts'
import { askDataSync, rememberedJob, testApplications } from './parts/applications.ts'

const verdict = z.object({
  healthy: z.boolean(),
  checks: z.array(z.object({ id: z.string(), status: z.string(), detail: z.string() })),
})
const run = (finished: Finished) => parseEvents(finished.stdout)
const ended = (finished: Finished) => run(finished).find(({ type }) => type === 'run-finished')
const states = (finished: Finished) => run(finished).filter(({ type }) => type === 'step-finished')
const platform = (playground: Playground) => join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev')

// One platform's life, told in order: each part starts from the world that the part before it left.
describe('a platform on the sandbox, from nothing and back', () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
  })
  afterAll(() => playground.dispose())

  it('bootstraps three clouds from an empty folder', async () => {
    const finished = await playground.mlp(['bootstrap', '--to', '3', '--yes', '--json'])
    expect(finished.stderr).not.toMatch(/^\s+at /m)
    expect({
      exitCode: finished.exitCode,
      result: ended(finished)?.result,
      failed: states(finished).filter(({ state }) => state !== 'done'),
    }).toEqual({ exitCode: 0, result: 'ok', failed: [] })
    expect(states(finished)).toHaveLength(55)
  })

  it("shows three clusters with nodes and the guide's objects to kubectl", async () => {
    const kubeconfig = join(platform(playground), 'kubeconfig')
    expect((await stat(kubeconfig)).mode & 0o777).toBe(0o600)
    for (const context of ['aws-dev', 'gcp-dev', 'azure-dev']) {
      const nodes = await kubectlJson(kubeconfig, context, ['get', 'nodes'])
      expect(nodes.items.length, context).toBeGreaterThanOrEqual(2)
      const namespaces = await kubectlJson(kubeconfig, context, ['get', 'namespaces'])
      expect(
        namespaces.items.map(({ metadata }) => metadata.name),
        context,
      ).toEqual(expect.arrayContaining(['ml-platform', 'ml-serving', 'monitoring', 'istio-system']))
    }
  })

  it('lets the official Kubernetes client in by the kubeconfig alone', async () => {
    const config = new KubeConfig()
    config.loadFromFile(join(platform(playground), 'kubeconfig'))
    expect(
      config
        .getContexts()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['aws-dev', 'azure-dev', 'gcp-dev'])
    for (const { name } of config.getContexts()) {
      config.setCurrentContext(name)
      const { items } = await config
        .makeApiClient(CoreV1Api)
        .listNamespacedConfigMap({ namespace: 'ml-platform' })
      expect(
        items.map(({ metadata }) => metadata?.name),
        name,
      ).toContain('ml-platform-config')
    }
  })

  it('verifies as healthy', async () => {
    const finished = await playground.mlp(['verify', '--json'])
    const { healthy, checks } = verdict.parse(JSON.parse(finished.stdout))
    // MLflow's pod is simulated on the sandbox, and says so; caches are where redis-server is not installed.
    expect(
      checks
        .filter(({ detail }) => !/^phase [4-8] was never applied$/.test(detail))
        .filter(({ id, status }) => status !== 'pass' && !(status === 'warn' && id.endsWith('.rate-limits')))
        .map(({ id, status }) => `${id} ${status}`),
    ).toEqual(['3.aws.model-registry warn'])
    expect({ healthy, exitCode: finished.exitCode }).toEqual({ healthy: true, exitCode: 0 })
  })

  it('renders the very files that it applied, with every value known', async () => {
    const finished = await playground.mlp(['render', 'rendered', '--json'])
    const { folder, unknown } = renderDocument.parse(JSON.parse(finished.stdout))
    // Later phases are not applied here.
    expect(unknown.filter(({ step }) => /^[1-3]\./.test(step))).toEqual([])
    for (const cloud of ['aws', 'gcp', 'azure']) {
      for (const root of [`${cloud}-foundation`, `${cloud}-cluster`]) {
        for (const name of await readdir(join(folder, 'terraform', root))) {
          const rendered = await readFile(join(folder, 'terraform', root, name), 'utf8')
          const applied = await readFile(join(platform(playground), 'terraform', root, name), 'utf8')
          expect(rendered, `${root}/${name}`).toBe(applied)
        }
      }
      const kubeconfig = join(platform(playground), 'kubeconfig')
      const objects = join(folder, 'kubernetes', `${cloud}-dev`)
      for (const file of await readdir(objects)) if (/^[4-8]/.test(file)) await rm(join(objects, file))
      expect(await kubectlDiff(kubeconfig, `${cloud}-dev`, objects), cloud).toBe('')
    }
  })

  it('changes nothing the second time, and says why', async () => {
    const finished = await playground.mlp(['bootstrap', '--to', '3', '--yes', '--json'])
    expectSuccess(finished)
    expect(states(finished).filter(({ state }) => state !== 'skipped')).toEqual([])
    expect(states(finished).every(({ why }) => (why ?? '').length > 0)).toBe(true)
  })

  it('changes nothing either when its memory is gone, here and in the home cloud', async () => {
    await rm(join(platform(playground), 'state.json'))
    const buckets = join(playground.folder, 'sandbox', 'emulators', 's3', 'data')
    const names = (await readdir(buckets)).filter(name => name.includes('-tfstate-'))
    expect(names).toHaveLength(1)
    for (const name of names) await rm(join(buckets, name, 'mlp'), { recursive: true })
    const finished = await playground.mlp(['bootstrap', '--to', '3', '--yes', '--json'])
    expectSuccess(finished)
    expect(states(finished).filter(({ state }) => state !== 'skipped')).toEqual([])
  })

  it('keeps no secret in state, plans or logs', async () => {
    const secrets = z
      .record(z.string(), z.string())
      .parse(JSON.parse(await readFile(join(playground.folder, 'sandbox', 'secrets.json'), 'utf8')))
    const opening = Object.entries(secrets).filter(([name]) => /secret|key(?!id)|pem/i.test(name))
    expect(opening.length).toBeGreaterThan(0)
    const { stdout } = await playground.mlp(['status', '--json'])
    const state = await readFile(join(platform(playground), 'state.json'), 'utf8')
    for (const [name, secret] of opening)
      expect([stdout.includes(secret), state.includes(secret)], name).toEqual([false, false])
  })

  describe('its applications', () => testApplications(() => playground))

  it('keeps data when it is torn down, says what it keeps, and can be built up again', async () => {
    const down = await playground.mlp(['teardown', '--yes', '--json'])
    const summary = z
      .looseObject({
        kept: z.array(z.object({ type: z.string(), reason: z.string() })),
        left: z.array(z.unknown()),
      })
      .parse(ended(down))
    expect({ exitCode: down.exitCode, left: summary.left, failed: failuresOf(down) }).toEqual({
      exitCode: 0,
      left: [],
      failed: [],
    })
    expect(summary.kept.length).toBeGreaterThan(0)
    const up = await playground.mlp(['bootstrap', '--to', '3', '--yes', '--json'])
    expectSuccess(up)
    // The clusters are new; what data-sync was told is in the databases, which were kept.
    for (const cloud of ['aws', 'gcp', 'azure'])
      expect((await askDataSync(playground, cloud, '/v1/jobs')).text, cloud).toContain(rememberedJob)
  })

  it('leaves nothing but the state buckets when data may go too', async () => {
    const down = await playground.mlp(['teardown', '--yes', '--destroy-data', '--json'])
    const summary = z.looseObject({ left: z.array(z.unknown()) }).parse(ended(down))
    expect({ exitCode: down.exitCode, left: summary.left, failed: failuresOf(down) }).toEqual({
      exitCode: 0,
      left: [],
      failed: [],
    })
  })
})
