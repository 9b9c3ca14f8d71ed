import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import * as z from 'zod'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import type { KubeObject, ObjectRef } from '../../src/kube/objects.ts'
import { viewPod } from '../../src/kube/pod-trouble.ts'
import { loadObjects } from '../../src/phases/2-kubernetes/templates.ts'
import { monitoringPhase } from '../../src/phases/5-monitoring/index.ts'
import type { Context } from '../../src/phases/phase.ts'
import { refusing, testContext } from '../support/context.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { program } from '../support/programs.ts'

// Every pod is played, the operator's too, so that it makes nothing. The chart is the sandbox's stand-in: the official one
// cannot be had everywhere.
const config = defaultSandboxConfig('dev')
const id = platformId(config)
const folderOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const templates = folderOf('templates')
const charts = folderOf('sandbox/charts')
const progress = { report: () => {} }
/** helm is built where it is not there yet; a busy machine takes minutes for an installation. */
const slowMs = 1_200_000

let plane: TestControlPlane
let folder: string
let client: KubeClient
let destroyData = false

const cloud = new Proxy({} as Cloud, {
  get(_target, name) {
    const asked: Partial<Cloud> = {
      name: 'aws',
      title: 'AWS',
      region: 'us-east-1',
      cluster: async () => plane.access,
      token: async () => plane.token(),
    }
    if (name in asked) return Reflect.get(asked, name)
    throw new Error(`phase 5 asked the cloud for ${String(name)}`)
  },
})

function context(): Context {
  return testContext({
    config,
    target: { name: 'sandbox', environment: { MLP_STAND_IN_CHARTS: charts }, caFile: undefined, clouds: {} },
    toolchain: {
      path: (tool: Parameters<typeof program>[0]) => program(tool),
    } as unknown as Context['toolchain'],
    clouds: new Map([['aws', cloud]]),
    home: folder,
    platformFolder: folder,
    mlpPath: folderOf('bin/mlp.js'),
    consent: { ...refusing, destroyData },
  })
}

const steps = monitoringPhase.steps(config).filter(step => step.cloud === 'aws')
const step = (name: string) => {
  const found = steps.find(candidate => candidate.id === `5.aws.${name}`)
  if (found === undefined) throw new Error(`no step ${name}`)
  return found
}
/** Stores wait for volumes, which nobody makes here: what is asked of them needs a sandbox. */
const withoutStores = steps.filter(({ id }) => !/\.(logs|traces|collector)$/.test(id))
const states = async () =>
  Object.fromEntries(
    await Promise.all(
      withoutStores.map(async each => [each.id, (await each.status(context())).state] as const),
    ),
  )
const release: ObjectRef = {
  apiVersion: 'v1',
  kind: 'Secret',
  name: 'sh.helm.release.v1.prometheus.v1',
  namespace: 'monitoring',
}

/** As the sandbox says of pods that it plays: kwok alone says nothing. */
async function tellSimulated(): Promise<void> {
  for (const pod of await client.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'monitoring' })) {
    if (viewPod(pod).simulated) continue
    const { name, namespace } = pod.metadata
    const conditions = [{ type: 'mlp.dev/simulated', status: 'True' }]
    await plane.admin.apply(
      { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, status: { conditions } },
      'status',
    )
  }
}

let telling: Promise<void> = Promise.resolve()
const playing = new AbortController()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-phase-5-'))
  plane = await startControlPlane('nodes')
  client = openKubeClient({
    cloud: 'aws',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  // The chart's repository is not reached: as where the internet is away. Whoever names a mirror gets no stand-in.
  const reached = globalThis.fetch
  vi.stubGlobal('fetch', (...[url, init]: Parameters<typeof fetch>) =>
    String(url).includes('kube-prometheus-stack')
      ? Promise.reject(new TypeError('fetch failed', { cause: new Error('the repository is away') }))
      : reached(url, init),
  )
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'played' } }
  await client.apply(node)
  const room = { cpu: '8', memory: '16Gi', pods: '110' }
  await plane.admin.apply({ ...node, status: { capacity: room, allocatable: room } }, 'status')
  await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } })
  telling = (async () => {
    while (!playing.signal.aborted) {
      // A pod that has gone meanwhile is none to tell of.
      await tellSimulated().catch(() => undefined)
      await delay(500)
    }
  })()
  const certificate = Buffer.from(plane.access.certificateAuthorityPem).toString('base64')
  const name = 'aws-dev'
  await writeFile(
    join(folder, 'kubeconfig'),
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name, cluster: { server: plane.access.endpoint, 'certificate-authority-data': certificate } },
      ],
      users: [{ name, user: { token: plane.token({ lifetimeMs: 7_200_000 }).token } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
    }),
    { mode: 0o600 },
  )
  await program('helm')
}, slowMs)
afterAll(async () => {
  vi.unstubAllGlobals()
  playing.abort()
  await telling
  await plane?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('before anything is there all is absent, and a plan says so without CRDs', {
  timeout: slowMs,
}, async () => {
  expect(new Set(Object.values(await states()))).toEqual(new Set(['absent']))
  for (const each of steps) {
    const planned = (await each.plan?.(context())) ?? []
    for (const { action } of planned) expect(action, each.id).toBe('create')
  }
})

test('installs the stand-in where the chart cannot be had, and says so', { timeout: slowMs }, async () => {
  await step('secrets').apply(context(), progress)
  const told: string[] = []
  const outputs = await step('stack').apply(
    {
      ...context(),
      emit: event => {
        if (event.type === 'notice') told.push(event.message)
      },
    },
    progress,
  )
  expect(outputs).toMatchObject({ origin: 'stand-in', revision: 1 })
  expect(told.join('\n')).toContain('stand-in')
  for (const name of ['monitors', 'rules', 'dashboards']) await step(name).apply(context(), progress)
})

test('a second run finds everything in place, and the release says of which chart it is', {
  timeout: slowMs,
}, async () => {
  expect(new Set(Object.values(await states()))).toEqual(new Set(['present']))
  expect(await step('stack').status(context())).toMatchObject({
    state: 'present',
    why: expect.stringContaining('stand-in'),
  })
  const checks = monitoringPhase.checks(config, new Map([['aws', cloud]]))
  const whole = await checks.find(check => check.id === '5.aws.release')?.run(context())
  expect(whole).toMatchObject({ status: 'warn', detail: expect.stringContaining('stand-in') })
})

const validated = await Promise.all(
  (await readdir(join(templates, 'monitoring'), { recursive: true }))
    .filter(file => file.endsWith('.yaml') && !file.startsWith('values'))
    .toSorted()
    .map(async file => ({ file, objects: await loadObjects(join(templates, 'monitoring', file)) })),
)
for (const { file, objects } of validated) {
  test(`templates/monitoring/${file} is valid against the operator’s own CRDs`, {
    timeout: slowMs,
  }, async () => {
    expect(objects.length).toBeGreaterThan(0)
    for (const object of objects) await client.apply(object, { dryRun: true, force: true })
  })
}

test('pods of the telemetry are restricted ones, but for the agent, which reads what its node keeps', {
  timeout: slowMs,
}, async () => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'restricted', labels } })
  await client.waitFor(
    { apiVersion: 'v1', kind: 'ServiceAccount', name: 'default', namespace: 'restricted' },
    { what: 'its account', timeoutMs: 120_000, done: seen => seen !== undefined },
  )
  const templateSchema = z.looseObject({
    spec: z.looseObject({ template: z.looseObject({ spec: z.record(z.string(), z.json()) }) }),
  })
  const workloads = validated
    .flatMap(({ objects }) => objects)
    .filter(object => 'template' in Object(object['spec']))
  expect(workloads.length).toBeGreaterThan(3)
  for (const workload of workloads) {
    const { serviceAccountName: _, ...given } = templateSchema.parse(workload).spec.template.spec
    // What a set claims for each of its pods is no volume of its template.
    const claimed = ['logs', 'traces'].map(name => ({ name, emptyDir: {} }))
    const own = Array.isArray(given['volumes']) ? given['volumes'] : []
    const spec = workload.kind === 'StatefulSet' ? { ...given, volumes: [...own, ...claimed] } : given
    const { name } = workload.metadata
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'restricted' },
      spec,
    }
    const made = client.apply(pod, { dryRun: true, force: true })
    if (name === 'otel-agent') await expect(made).rejects.toThrow(/restricted/)
    else await made.catch((error: Error) => expect.fail(`${name}: ${error.message}`))
  }
})

test('a field that the CRDs do not have is refused, so that the tests above mean something', {
  timeout: slowMs,
}, async () => {
  const [object] = await loadObjects(join(templates, 'monitoring', 'monitors.yaml'))
  if (object === undefined) throw new Error('monitors.yaml is empty')
  const wrong = { ...object, metadata: { ...object.metadata, name: 'wrong' }, spec: { selectr: {} } }
  await expect(client.apply(wrong, { dryRun: true })).rejects.toMatchObject({
    detail: expect.stringContaining('selectr'),
  })
})

test('what is missing of the release is seen, and made anew', { timeout: slowMs }, async () => {
  const grafana: ObjectRef = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: 'prometheus-grafana',
    namespace: 'monitoring',
  }
  await client.delete(grafana)
  await client.waitFor(grafana, { what: 'its end', timeoutMs: 120_000, done: seen => seen === undefined })
  expect(await step('stack').status(context())).toMatchObject({ state: 'partial' })
  await step('stack').apply(context(), progress)
  expect(await client.get(grafana)).toBeDefined()
  expect(await step('stack').status(context())).toMatchObject({ state: 'present' })
})

test('an interrupted helm is recognised, and the next run takes up what is there', {
  timeout: slowMs,
}, async () => {
  const secrets = await client.list({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: 'monitoring',
    labelSelector: 'owner=helm',
  })
  // As a killed first installation leaves it: one revision, which says that helm is at work.
  const newest = secrets.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name)).at(-1)
  if (newest === undefined) throw new Error('there is no release')
  for (const { metadata } of secrets)
    if (metadata.name !== newest.metadata.name) await client.delete({ ...release, name: metadata.name })
  const {
    managedFields: _,
    resourceVersion: __,
    uid: ___,
    creationTimestamp: ____,
    ...metadata
  } = newest.metadata
  const labels = { ...newest.metadata.labels, status: 'pending-install' }
  await client.apply({ ...newest, metadata: { ...metadata, labels } }, { force: true })
  expect(await step('stack').status(context())).toMatchObject({
    state: 'partial',
    why: expect.stringContaining('pending-install'),
  })
  await step('stack').apply(context(), progress)
  expect(await step('stack').status(context())).toMatchObject({ state: 'present' })
})

test('the release of another platform is left alone', { timeout: slowMs }, async () => {
  const other = { ...context(), platformId: 'mlp-other' }
  await expect(step('stack').apply(other, progress)).rejects.toMatchObject({ code: 'MLP4060' })
  const undone = await step('stack').undo?.(other, progress)
  expect(undone?.kept).toHaveLength(1)
  expect(await step('stack').status(context())).toMatchObject({ state: 'present' })
})

test('undo keeps metrics, and leaves nothing else; with --destroy-data not even them', {
  timeout: slowMs,
}, async () => {
  const claim: KubeObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'metrics', namespace: 'monitoring', labels: { 'mlp.dev/platform-id': id } },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
  await client.apply(claim)
  for (const name of ['dashboards', 'rules', 'monitors']) await step(name).undo?.(context(), progress)
  const kept = (await step('stack').undo?.(context(), progress))?.kept ?? []
  expect(kept.map(({ type, name }) => `${type} ${name}`)).toEqual([
    'PersistentVolumeClaim monitoring/metrics',
  ])
  await step('secrets').undo?.(context(), progress)
  const selector = { labelSelector: `mlp.dev/platform-id=${id}` }
  const crds = await client.list({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    ...selector,
  })
  expect(crds).toEqual([])
  for (const [apiVersion, kind] of [
    ['v1', 'Secret'],
    ['v1', 'ConfigMap'],
    ['v1', 'Service'],
    ['apps/v1', 'Deployment'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
    ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
  ] as const) {
    const left = await client.list({ apiVersion, kind, ...selector })
    expect(
      left.map(({ metadata }) => metadata.name),
      kind,
    ).toEqual([])
  }
  destroyData = true
  const removed = (await step('stack').undo?.(context(), progress))?.removed ?? []
  destroyData = false
  expect(removed.map(({ type }) => type)).toEqual(['PersistentVolumeClaim'])
  expect(await states()).toMatchObject({ '5.aws.stack': 'absent', '5.aws.rules': 'absent' })
})
