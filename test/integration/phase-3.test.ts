import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { namespaceOf } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import type { JsonObject } from '../../src/engine/json.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { type KubeObject, refOf } from '../../src/kube/objects.ts'
import { secretValues } from '../../src/kube/secret.ts'
import { kubernetesPhase } from '../../src/phases/2-kubernetes/index.ts'
import { mark } from '../../src/phases/2-kubernetes/marks.ts'
import { loadTemplate } from '../../src/phases/2-kubernetes/templates.ts'
import { application, applicationsOf } from '../../src/phases/3-applications/applications.ts'
import { databaseUsers } from '../../src/phases/3-applications/database-users.ts'
import { applicationsPhase } from '../../src/phases/3-applications/index.ts'
import { requestsIn } from '../../src/phases/3-applications/requests.ts'
import type { Context } from '../../src/phases/phase.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { eventually } from '../support/processes.ts'

// A real API server with its controllers and admission; nothing runs the pods. The e2e tests run them.
const config = defaultSandboxConfig('dev')
const templates = fileURLToPath(new URL('../../templates', import.meta.url))
const progress = { report: () => {} }
const digest = `sha256:${'a'.repeat(64)}`
const images = Object.fromEntries(
  ['api-gateway', 'model-serving', 'data-sync'].map(name => [name, `registry.example.com/${name}@${digest}`]),
)

let plane: TestControlPlane
let client: KubeClient
let folder: string

/** Only what these steps ask of a cloud; everything else would be a mistake and fails loudly. */
function testCloud(): Cloud {
  const asked: Partial<Cloud> = {
    name: 'aws',
    title: 'AWS',
    region: 'us-east-1',
    cluster: async () => plane.access,
    token: async () => plane.token(),
    repository: service => `registry.example.com/${service}`,
    workloadIdentity: () => ({
      serviceAccounts: ['api-gateway', 'model-serving', 'data-sync', 'mlflow', 'database-admin'].map(
        name => ({
          namespace: namespaceOf(name),
          name,
          annotations: {},
          labels: { 'example.com/identity': 'use' },
        }),
      ),
      facts: { provider: 'aws' },
    }),
    serviceSettings: service =>
      service === 'api-gateway'
        ? { environment: { REDIS_URL: 'rediss://cache.example.com:6379' }, files: { 'redis-ca.pem': 'PEM' } }
        : service === 'model-serving'
          ? { environment: {}, files: {} }
          : {
              environment: { DATABASE_URL: `postgres://${service}@db.example.com:5432/mlplatform` },
              files: { 'database-ca.pem': 'PEM' },
            },
  }
  return new Proxy(asked, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name)
      throw new Error(`phase 3 asked the cloud for ${String(name)}`)
    },
  }) as Cloud
}

function context(): Context {
  const outputs: Readonly<Record<string, JsonObject>> = {
    '1.aws.apply-foundation': {},
    '1.aws.apply-cluster': { name: 'test' },
    '3.aws.images': { images },
  }
  return {
    config,
    platformId: platformId(config),
    target: { name: 'sandbox', environment: {}, caFile: undefined, clouds: {} },
    clouds: new Map([['aws', testCloud()]]),
    openKubeClient,
    home: folder,
    platformFolder: folder,
    templates,
    consent: { destroyData: false, approve: async () => false } as unknown as Context['consent'],
    signal: new AbortController().signal,
    emit: () => {},
    outputs: step => outputs[step],
  } as Partial<Context> as Context
}

const step = (id: string) => {
  const found = [...kubernetesPhase.steps(config), ...applicationsPhase.steps(config)].find(
    candidate => candidate.id === id,
  )
  if (found === undefined) throw new Error(`no step ${id}`)
  return found
}
const secret = (name: string) =>
  client.get({ apiVersion: 'v1', kind: 'Secret', name, namespace: 'ml-platform' })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-phase-3-'))
  plane = await startControlPlane('nodes')
  client = openKubeClient({
    cloud: 'aws',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  for (const name of ['namespaces', 'priority-classes', 'workload-identity', 'config-map']) {
    await step(`2.aws.${name}`).apply(context(), progress)
  }
  // Phase 8 turns this on: what is deployed now has to pass it already.
  for (const name of ['ml-platform', 'ml-serving']) {
    await plane.admin.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    })
  }
})
afterAll(async () => {
  await plane?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('the step ids are those of the contract, and MLflow is in the first cloud only', () => {
  const ids = applicationsPhase.steps(config).map(({ id }) => id)
  expect(ids.filter(id => id.includes('.aws.'))).toEqual([
    '3.aws.images',
    '3.aws.keys',
    '3.aws.peer-trust',
    '3.aws.database-users',
    '3.aws.model-serving',
    '3.aws.api-gateway',
    '3.aws.data-sync',
    '3.aws.mlflow',
    '3.aws.peer-identities',
  ])
  expect(ids.filter(id => id.endsWith('.mlflow'))).toEqual(['3.aws.mlflow'])
})

test('keys are made once, the gateway gets only a hash, and what somebody adds stays', async () => {
  expect(await step('3.aws.keys').status(context())).toMatchObject({ state: 'absent' })
  await step('3.aws.keys').apply(context(), progress)
  const key = secretValues(await secret('api-gateway-operator-key'))['key'] ?? ''
  expect(key).toMatch(/^mlp_[0-9a-f]{16}_[\w-]{43}$/)
  const clients = secretValues(await secret('api-gateway-keys'))['clients.yaml'] ?? ''
  expect(clients).not.toContain(key)
  expect(parse(clients).clients[0].keys[0].sha256).toBe(createHash('sha256').update(key).digest('hex'))
  const before = await Promise.all(['api-gateway-keys', 'data-sync-token'].map(secret))
  await step('3.aws.keys').apply(context(), progress)
  expect(await Promise.all(['api-gateway-keys', 'data-sync-token'].map(secret))).toEqual(before)
  expect(await step('3.aws.keys').status(context())).toMatchObject({ state: 'present' })
})

test('a lost part of the keys is made to fit what is left', async () => {
  const key = secretValues(await secret('api-gateway-operator-key'))['key'] ?? ''
  await client.delete({
    apiVersion: 'v1',
    kind: 'Secret',
    name: 'api-gateway-keys',
    namespace: 'ml-platform',
  })
  await step('3.aws.keys').apply(context(), progress)
  expect(secretValues(await secret('api-gateway-keys'))['clients.yaml']).toContain(
    createHash('sha256').update(key).digest('hex'),
  )
})

const specSchema = z.looseObject({
  spec: z.looseObject({
    replicas: z.number(),
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({ containers: z.array(z.looseObject({ image: z.string() })) }),
    }),
  }),
  status: z.looseObject({ replicas: z.number().default(0) }).prefault({}),
})

test.each(applicationsOf(config, 'aws'))(
  '%s: its objects are valid, and its pods pass restricted Pod Security',
  async name => {
    const objects = (await application(name).objects(context(), 'aws')) ?? []
    for (const object of objects) await client.apply(mark(context(), name, object))
    const deployment = objects.find(({ kind }) => kind === 'Deployment')
    if (deployment === undefined) throw new Error(`${name} has no Deployment`)
    const { spec } = await eventually(`the pods of ${name} to be made`, async () => {
      const live = specSchema.parse(await client.get(refOf(deployment)))
      return live.status.replicas === live.spec.replicas ? live : undefined
    })
    if (name === 'mlflow') return
    expect(spec.template.spec.containers.map(({ image }) => image)).toEqual([images[name]])
    expect(spec.template.metadata.labels).toMatchObject({
      'app.kubernetes.io/name': name,
      'example.com/identity': 'use',
      app: name,
      version: 'v1',
    })
    expect(await step(`3.aws.${name}`).status(context())).toMatchObject({
      state: 'partial',
      why: expect.stringContaining(`0 of ${spec.replicas} ready`),
    })
  },
)

test('the guide’s replicas, limits and service stand, with small requests in dev, but without a load balancer', async () => {
  const read = (path: string) => plane.admin.call('GET', path)
  expect(await read('/apis/apps/v1/namespaces/ml-platform/deployments/api-gateway')).toMatchObject({
    spec: {
      replicas: 3,
      template: {
        spec: {
          containers: [
            {
              resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '2', memory: '4Gi' } },
              livenessProbe: { initialDelaySeconds: 30, periodSeconds: 10, httpGet: { path: '/health' } },
              readinessProbe: { initialDelaySeconds: 10, periodSeconds: 5 },
            },
          ],
        },
      },
    },
  })
  expect(await read('/api/v1/namespaces/ml-platform/services/api-gateway')).toMatchObject({
    spec: { type: 'ClusterIP', ports: [{ port: 80 }] },
  })
})

test.for(['staging', 'prod'] as const)('the guide’s requests stand in %s', async environment => {
  expect(await requestsIn({ config: defaultSandboxConfig(environment), templates })).toEqual({})
  const objects = await loadTemplate({ templates }, 'applications/api-gateway.yaml')
  expect(objects.find(({ kind }) => kind === 'Deployment')).toMatchObject({
    spec: {
      template: { spec: { containers: [{ resources: { requests: { cpu: '500m', memory: '1Gi' } } }] } },
    },
  })
})

test('the gateway is told where the cache is, and of which authority its certificate', async () => {
  const read = (path: string) => plane.admin.call('GET', path)
  expect(await read('/apis/apps/v1/namespaces/ml-platform/deployments/api-gateway')).toMatchObject({
    spec: {
      template: {
        spec: {
          containers: [
            {
              env: expect.arrayContaining([{ name: 'REDIS_URL', value: 'rediss://cache.example.com:6379' }]),
            },
          ],
        },
      },
    },
  })
  expect(await read('/api/v1/namespaces/ml-platform/configmaps/api-gateway')).toMatchObject({
    data: { 'redis-ca.pem': 'PEM', 'gateway.yaml': expect.any(String) },
  })
})

test('data-sync is told where the database is, once the users there are made', async () => {
  const users = step('3.aws.database-users')
  expect(step('3.aws.data-sync').needs).toContain(users.id)
  for (const object of (await databaseUsers.objects(context(), 'aws')) ?? [])
    await client.apply(mark(context(), 'database-users', object))
  const read = (path: string) => plane.admin.call('GET', path)
  const container = {
    image: images['data-sync'],
    env: expect.arrayContaining([
      { name: 'DATABASE_URL', value: expect.stringContaining('postgres://database-admin@') },
    ]),
  }
  const jobPath = '/apis/batch/v1/namespaces/ml-platform/jobs/database-users'
  await eventually('the job’s pod to be made', async () => {
    const job = z.looseObject({ status: z.looseObject({ active: z.number().default(0) }).prefault({}) })
    return job.parse(await read(jobPath)).status.active === 1 || undefined
  })
  expect(await read(jobPath)).toMatchObject({
    spec: { template: { spec: { serviceAccountName: 'database-admin', containers: [container] } } },
  })
  // Nothing runs pods here: it is there, and has not completed.
  expect(await users.status(context())).toMatchObject({
    state: 'partial',
    why: expect.stringContaining('not completed'),
  })
  expect(await read('/api/v1/namespaces/ml-platform/configmaps/data-sync')).toMatchObject({
    data: { 'database-ca.pem': 'PEM' },
  })
})

test('how many pods there are is left to an autoscaler, where there is one', async () => {
  const autoscaler: KubeObject = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'model-serving', namespace: 'ml-serving' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'model-serving' },
      maxReplicas: 5,
    },
  }
  await client.apply(autoscaler)
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: 'model-serving',
    namespace: 'ml-serving',
  }
  const replicas = async () =>
    z.looseObject({ spec: z.looseObject({ replicas: z.number() }) }).parse(await client.get(deployment)).spec
      .replicas
  const declared = async () => {
    const objects = (await application('model-serving').objects(context(), 'aws')) ?? []
    const adjusted = (await application('model-serving').adjust?.(client, objects)) ?? []
    return adjusted.find(({ kind }) => kind === 'Deployment')
  }
  // Whoever stops declaring a field that nobody else owns sets it back: to one pod.
  const before = await replicas()
  expect((await declared())?.['spec']).toMatchObject({ replicas: before })

  await plane.admin.call('PUT', '/apis/apps/v1/namespaces/ml-serving/deployments/model-serving/scale', {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'model-serving', namespace: 'ml-serving' },
    spec: { replicas: before + 2 },
  })
  const scaled = await declared()
  expect(scaled?.['spec']).not.toHaveProperty('replicas')
  if (scaled !== undefined) await client.apply(mark(context(), 'model-serving', scaled))
  expect(await replicas()).toBe(before + 2)
  await client.delete(refOf(autoscaler))
})

test('checks tell what is missing, and read no state', async () => {
  const [rollouts] = applicationsPhase.checks(config, context().clouds)
  expect(await rollouts?.run(context())).toMatchObject({
    status: 'fail',
    detail: expect.stringMatching(/^model-serving 0\/4: model-serving-\S+ Unschedulable/),
  })
})

test('undo removes what phase 3 made, and nothing else', async () => {
  // The trust in other clouds is terraform's, and no object of the cluster.
  const inCluster = applicationsPhase
    .steps(config)
    .filter(({ id, cloud }) => cloud === 'aws' && id !== '3.aws.peer-trust')
  for (const { id, undo } of inCluster) {
    const undone = await undo?.(context(), progress)
    expect(undone?.left, id).toEqual([])
  }
  for (const kind of ['Deployment', 'Job', 'PodDisruptionBudget', 'Service', 'Secret'] as const) {
    const groups = { Deployment: 'apps/v1', Job: 'batch/v1', PodDisruptionBudget: 'policy/v1' }
    const apiVersion = groups[kind as keyof typeof groups] ?? 'v1'
    const found = await client.list({ apiVersion, kind, namespace: 'ml-platform' })
    expect(found.map(({ metadata }) => metadata.name)).toEqual([])
  }
  expect(await client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'ml-platform' })).toBeDefined()
})
