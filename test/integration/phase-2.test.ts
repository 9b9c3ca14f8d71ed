import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cloud, ClusterAccess } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import type { JsonObject } from '../../src/engine/json.ts'
import type { Undone } from '../../src/engine/step.ts'
import { openKubeClient } from '../../src/kube/client.ts'
import { kubernetesPhase } from '../../src/phases/2-kubernetes/index.ts'
import type { Context } from '../../src/phases/phase.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { eventually } from '../support/processes.ts'

const config = defaultSandboxConfig('dev')
const templates = fileURLToPath(new URL('../../templates', import.meta.url))
const progress = { report: () => {} }

let plane: TestControlPlane
let folder: string
let cluster: ClusterAccess | undefined
let adopts = false

/** Only what phase 2 asks of a cloud; everything else would be a mistake and fails loudly. */
function testCloud(): Cloud {
  const asked: Partial<Cloud> = {
    name: 'aws',
    title: 'AWS',
    region: 'us-east-1',
    cluster: async () => cluster,
    token: async () => plane.token(),
    tokenPlugin: () => ({ command: 'aws', args: [], installHint: 'nothing' }),
    workloadIdentity: outputs => ({
      serviceAccounts: [
        {
          namespace: 'ml-platform',
          name: 'api-gateway',
          annotations: { 'example.com/role': String(outputs['role']) },
          labels: {},
        },
      ],
      facts: { provider: 'aws', region: 'us-east-1' },
    }),
    staticCredentials: async () => ({ credentials: 'long-lived' }),
    storageClass: () => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: {
        name: 'mlp-default',
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
      provisioner: 'ebs.csi.aws.com',
      parameters: { type: 'gp3' },
      volumeBindingMode: 'WaitForFirstConsumer',
    }),
  }
  return new Proxy(asked, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name)
      throw new Error(`phase 2 asked the cloud for ${String(name)}`)
    },
  }) as Cloud
}

function context(changes: Partial<Context> = {}): Context {
  const outputs: Readonly<Record<string, JsonObject>> = {
    '1.aws.apply-foundation': { role: 'arn:one' },
    '1.aws.apply-cluster': { name: 'test' },
  }
  return {
    config,
    platformId: platformId(config),
    target: { name: 'sandbox', environment: {}, caFile: undefined, clouds: {} },
    toolchain: new Proxy({}, { get: () => Promise.reject }) as Context['toolchain'],
    clouds: new Map([['aws', testCloud()]]),
    openKubeClient,
    home: join(folder, 'home'),
    platformFolder: folder,
    templates,
    mlpPath: fileURLToPath(new URL('../../bin/mlp.js', import.meta.url)),
    consent: {
      destroyData: false,
      finalSnapshot: true,
      allowReplace: [],
      approve: async () => adopts,
    } as unknown as Context['consent'],
    signal: new AbortController().signal,
    emit: () => {},
    outputs: step => outputs[step],
    ...changes,
  } as Context
}

const steps = () => kubernetesPhase.steps(config).filter(step => step.cloud === 'aws')
const step = (name: string) => {
  const found = steps().find(candidate => candidate.id === `2.aws.${name}`)
  if (found === undefined) throw new Error(`no step ${name}`)
  return found
}
const states = async () =>
  Object.fromEntries(
    await Promise.all(steps().map(async each => [each.id, (await each.status(context())).state] as const)),
  )
const applyAll = async () => {
  for (const each of steps()) await each.apply(context(), progress)
}
async function findings() {
  const checks = kubernetesPhase.checks(config, context().clouds)
  const rows = await Promise.all(checks.map(async check => [check.id, await check.run(context())] as const))
  return Object.fromEntries(rows)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-phase-2-'))
  plane = await startControlPlane('nodes')
  cluster = plane.access
  process.env['KUBECONFIG'] = join(folder, 'users-kubeconfig')
})
afterAll(async () => {
  await plane?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('the step ids are those of the contract', () => {
  expect(steps().map(({ id }) => id)).toEqual([
    '2.aws.context',
    '2.aws.namespaces',
    '2.aws.priority-classes',
    '2.aws.workload-identity',
    '2.aws.cloud-credentials',
    '2.aws.config-map',
    '2.aws.storage-class',
  ])
  for (const each of steps()) expect(each.needs).toContain('1.aws.apply-cluster')
})

test('without a cluster everything is absent, checks say so, and there is nothing to undo', async () => {
  cluster = undefined
  expect(new Set(Object.values(await states()))).toEqual(new Set(['absent']))
  expect((await findings())['2.aws.api']).toMatchObject({ status: 'fail' })
  await expect(step('namespaces').apply(context(), progress)).rejects.toMatchObject({ code: 'MLP4012' })
  expect(await step('namespaces').undo?.(context(), progress)).toEqual({ removed: [], kept: [], left: [] })
  cluster = plane.access
})

test('plans creation, applies, and then plans nothing', async () => {
  const planned = await step('namespaces').plan?.(context())
  expect(planned?.map(action => `${action.action} ${action.subject}`)).toEqual([
    'create Namespace ml-platform',
    'create Namespace ml-serving',
    'create Namespace monitoring',
    'create Namespace istio-system',
  ])
  await applyAll()
  expect(new Set(Object.values(await states()))).toEqual(new Set(['present']))
  for (const each of steps()) expect((await each.plan?.(context())) ?? []).toEqual([])
})

test('what stands is what the guide wants, marked as ours', async () => {
  const read = (path: string) => plane.admin.call('GET', path)
  expect(await read('/api/v1/namespaces/ml-serving')).toMatchObject({
    metadata: { labels: { 'istio-injection': 'enabled', 'mlp.dev/platform-id': platformId(config) } },
  })
  expect(await read('/api/v1/namespaces/ml-platform/configmaps/ml-platform-config')).toMatchObject({
    data: {
      environment: 'dev',
      log_level: 'INFO',
      api_version: 'v1',
      model_registry_url: 'http://mlflow-service.ml-platform.svc.cluster.local:5000',
    },
  })
  expect(await read('/api/v1/namespaces/ml-platform/serviceaccounts/api-gateway')).toMatchObject({
    metadata: { annotations: { 'example.com/role': 'arn:one' } },
    automountServiceAccountToken: false,
  })
  expect(await read('/api/v1/namespaces/ml-serving/configmaps/cloud-credentials')).toMatchObject({
    data: { provider: 'aws', region: 'us-east-1' },
  })
  const secret = await plane.admin.send('GET', '/api/v1/namespaces/ml-platform/secrets/cloud-credentials')
  expect(secret.status).toBe(404)
})

test('every check passes, with nodes there', async () => {
  const names = Array.from({ length: config.clouds.aws?.nodes.min ?? 0 }, (_, index) => `node-${index}`)
  for (const name of names) await plane.admin.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
  const rows = await eventually('Ready nodes', async () => {
    const found = await findings()
    return found['2.aws.nodes']?.status === 'pass' ? found : undefined
  })
  expect(
    Object.fromEntries(
      Object.entries(rows).map(([id, { status, detail }]) => [id, status === 'pass' ? status : detail]),
    ),
  ).toEqual({
    '2.aws.api': 'pass',
    '2.aws.nodes': 'pass',
    '2.aws.objects': 'pass',
    '2.aws.token': 'pass',
    '2.aws.access': 'pass',
    '2.aws.storage-class': 'pass',
    '2.aws.priority-classes': 'pass',
    '2.aws.context': 'pass',
  })
})

test('a change by somebody else is seen, named, and not overrun', async () => {
  const path = '/api/v1/namespaces/ml-platform/configmaps/ml-platform-config'
  await plane.admin.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'ml-platform-config', namespace: 'ml-platform' },
    data: { log_level: 'DEBUG' },
  })
  expect(await step('config-map').status(context())).toEqual({
    state: 'drifted',
    why: 'ConfigMap ml-platform/ml-platform-config: .data.log_level is owned by sandbox',
  })
  expect((await findings())['2.aws.objects']).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('.data.log_level'),
  })
  await expect(step('config-map').apply(context(), progress)).rejects.toMatchObject({ code: 'MLP4010' })
  expect(await plane.admin.call('GET', path)).toMatchObject({ data: { log_level: 'DEBUG' } })
  await plane.admin.call('DELETE', path)
  await step('config-map').apply(context(), progress)
})

test('a changed configuration shows as a field’s difference and is applied', async () => {
  const staging = { config: { ...config, environment: 'staging' as const } }
  const planned = await step('config-map').plan?.(context(staging))
  // One in each namespace that has workloads.
  const change = { action: 'change', why: expect.stringContaining('.data.environment: dev -> staging') }
  expect(planned).toMatchObject([change, change])
})

test('something missing makes the step partial, and applying heals it', async () => {
  await plane.admin.call('DELETE', '/api/v1/namespaces/ml-serving/configmaps/cloud-credentials')
  expect(await step('cloud-credentials').status(context())).toEqual({
    state: 'partial',
    why: 'missing: ConfigMap ml-serving/cloud-credentials',
  })
  await step('cloud-credentials').apply(context(), progress)
  expect((await step('cloud-credentials').status(context())).state).toBe('present')
})

test('a StorageClass whose immutable fields differ is made anew', async () => {
  await plane.admin.call('DELETE', '/apis/storage.k8s.io/v1/storageclasses/mlp-default')
  const other = { ...testCloud().storageClass(), parameters: { type: 'gp2' } }
  const older = new Proxy(testCloud(), {
    get: (target, name) => (name === 'storageClass' ? () => other : Reflect.get(target, name)),
  })
  await step('storage-class').apply(context({ clouds: new Map([['aws', older]]) }), progress)
  expect((await step('storage-class').status(context())).state).toBe('drifted')
  await step('storage-class').apply(context(), progress)
  expect((await step('storage-class').status(context())).state).toBe('present')
})

test('a second default StorageClass is a warning', async () => {
  await plane.admin.apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'theirs', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'example.com/theirs',
  })
  expect((await findings())['2.aws.storage-class']).toMatchObject({ status: 'warn' })
  await plane.admin.call('DELETE', '/apis/storage.k8s.io/v1/storageclasses/theirs')
})

test('a PriorityClass taken away by hand is seen by name, and made anew', async () => {
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses/ml-platform-serving'
  await plane.admin.call('DELETE', path)
  for (const id of ['2.aws.priority-classes', '2.aws.objects']) {
    expect((await findings())[id], id).toMatchObject({
      status: 'fail',
      detail: 'PriorityClass ml-platform-serving: missing',
      remedy: ['mlp bootstrap --to 2 --cloud aws'],
    })
  }
  expect(await step('priority-classes').status(context())).toMatchObject({ state: 'partial' })
  await step('priority-classes').apply(context(), progress)
  expect((await findings())['2.aws.priority-classes']).toMatchObject({ status: 'pass' })

  // What a class means cannot be changed: one that an older mlp made with another number is made anew.
  const older = join(folder, 'older-templates')
  const file = join('kubernetes', 'priority-classes.yaml')
  await mkdir(join(older, 'kubernetes'), { recursive: true })
  const declared = await readFile(join(templates, file), 'utf8')
  await writeFile(join(older, file), declared.replace('value: 100000', 'value: 7'))
  await step('priority-classes').apply(context({ templates: older }), progress)
  expect((await findings())['2.aws.priority-classes']).toMatchObject({
    status: 'fail',
    detail: 'PriorityClass ml-platform-front-door: 7, PreemptLowerPriority',
  })
  await step('priority-classes').apply(context(), progress)
  const other = '/apis/scheduling.k8s.io/v1/priorityclasses/ml-platform-front-door'
  expect(await plane.admin.call('GET', other)).toMatchObject({ value: 100_000 })
})

test('a default PriorityClass before ours is a warning', async () => {
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses'
  await plane.admin.call('POST', path, {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'theirs' },
    value: 90_000,
    globalDefault: true,
  })
  expect((await findings())['2.aws.priority-classes']).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('theirs is the cluster’s default'),
  })
  await plane.admin.call('DELETE', `${path}/theirs`)
})

test('the guide’s Secret comes only when it is asked for by name', async () => {
  const asked = { config: { ...config, credentials: 'static-secret' as const } }
  await step('cloud-credentials').apply(context(asked), progress)
  expect((await step('cloud-credentials').status(context(asked))).state).toBe('present')
  expect(JSON.stringify(step('cloud-credentials').inputs(context(asked)))).not.toContain('long-lived')
  expect(
    await plane.admin.call('GET', '/api/v1/namespaces/ml-platform/secrets/cloud-credentials'),
  ).toMatchObject({
    data: {
      credentials: Buffer.from('long-lived').toString('base64'),
      provider: Buffer.from('aws').toString('base64'),
    },
  })

  // Asked for no longer, it goes: a key that stays behind opens doors.
  const status = await step('cloud-credentials').status(context())
  expect(status).toMatchObject({ state: 'drifted', why: expect.stringContaining('no longer wanted: Secret') })
  await step('cloud-credentials').apply(context(), progress)
  expect((await step('cloud-credentials').status(context())).state).toBe('present')
  await expect(
    plane.admin.call('GET', '/api/v1/namespaces/ml-platform/secrets/cloud-credentials'),
  ).rejects.toThrow()
  // For the test of undo, which has to find it although it is asked for no longer.
  await step('cloud-credentials').apply(context(asked), progress)
})

test('kubectl works with the context, from any folder', async () => {
  // The plugin itself is tested with `mlp token`; here kubectl must accept the file and speak to the cluster.
  const file = join(folder, 'home', 'kubeconfig')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const kubectl = (...args: string[]) =>
    promisify(execFile)('kubectl', ['--kubeconfig', file, ...args], { cwd: '/' })
  expect((await kubectl('config', 'get-contexts', '-o', 'name')).stdout.trim()).toBe('aws-dev')
  await kubectl('config', 'set-credentials', 'probe', `--token=${plane.token().token}`)
  const { stdout } = await kubectl(
    '--context',
    'aws-dev',
    '--user',
    'probe',
    'get',
    'namespaces',
    '-o',
    'name',
  )
  expect(stdout).toContain('namespace/ml-serving')
  await kubectl('config', 'delete-user', 'probe')
})

test('what was there before mlp is taken over only with consent', async () => {
  await plane.admin.call('DELETE', '/api/v1/namespaces/ml-platform/configmaps/ml-platform-config')
  await plane.admin.call('POST', '/api/v1/namespaces/ml-platform/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'ml-platform-config' },
  })
  expect((await step('config-map').status(context())).state).toBe('drifted')
  await expect(step('config-map').apply(context(), progress)).rejects.toMatchObject({
    code: 'MLP4013',
    exitCode: 5,
  })
  adopts = true
  await step('config-map').apply(context(), progress)
  adopts = false
  expect((await step('config-map').status(context())).state).toBe('present')
  expect(await step('config-map').undo?.(context(), progress)).toMatchObject({
    removed: [{ name: 'ml-serving/ml-platform-config' }],
    kept: [{ name: 'ml-platform/ml-platform-config', reason: 'it was there before mlp' }],
  })
})

test('undo removes ours, and leaves a namespace that holds others’ things', async () => {
  await writeFile(join(folder, 'users-kubeconfig'), '# mine\napiVersion: v1\nkind: Config\n')
  await plane.admin.call('POST', '/api/v1/namespaces/monitoring/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'somebody-elses' },
  })
  const undone: (Undone | undefined)[] = []
  for (const each of steps().toReversed()) undone.push(await each.undo?.(context(), progress))
  const names = (list: 'removed' | 'kept' | 'left') =>
    undone.flatMap(result => result?.[list].map(({ type, name }) => `${type} ${name}`) ?? [])
  expect(names('removed').sort()).toEqual([
    'ConfigMap ml-platform/cloud-credentials',
    'ConfigMap ml-serving/cloud-credentials',
    'Namespace istio-system',
    'Namespace ml-serving',
    'PriorityClass ml-platform-batch',
    'PriorityClass ml-platform-front-door',
    'PriorityClass ml-platform-serving',
    'Secret ml-platform/cloud-credentials',
    'ServiceAccount ml-platform/api-gateway',
    'StorageClass mlp-default',
    'context aws-dev',
  ])
  expect(names('kept')).toEqual(['ConfigMap ml-platform/ml-platform-config'])
  expect(undone.flatMap(result => result?.left ?? [])).toMatchObject([
    { name: 'ml-platform', reason: 'holds what mlp did not make: ConfigMap ml-platform-config' },
    { name: 'monitoring', reason: 'holds what mlp did not make: ConfigMap somebody-elses' },
  ])
  expect((await plane.admin.send('GET', '/api/v1/namespaces/ml-serving')).status).toBe(404)
  expect((await plane.admin.send('GET', '/api/v1/namespaces/monitoring')).status).toBe(200)
})
