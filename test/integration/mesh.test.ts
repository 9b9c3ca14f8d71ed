import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cloud, CloudName } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { secretValues } from '../../src/kube/secret.ts'
import { meshPhase } from '../../src/phases/4-mesh/index.ts'
import { restartWorkloads } from '../../src/phases/4-mesh/sidecars.ts'
import type { Context } from '../../src/phases/phase.ts'
import { createRoot, createSelfSigned } from '../../src/tools/certificates/issue.ts'
import { isIssuedBy, readCertificate } from '../../src/tools/certificates/read.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'

/* The steps of the mesh that need no pods, against a real API server: both clouds' cluster is the same one. */

const config = defaultSandboxConfig('dev')
const progress = { report: () => {} }
const tls = { apiVersion: 'v1', kind: 'Secret', name: 'ml-platform-tls', namespace: 'istio-system' }
const authority = { ...tls, name: 'cacerts' }
const root = { ...tls, name: 'mlp-mesh-root' }

let plane: TestControlPlane
let client: KubeClient
let folder: string

function cloudOf(name: CloudName): Cloud {
  const asked: Partial<Cloud> = {
    name,
    title: name,
    region: 'somewhere',
    cluster: async () => plane.access,
    token: async () => plane.token(),
  }
  return new Proxy(asked, {
    get(target, key) {
      if (key in target) return Reflect.get(target, key)
      throw new Error(`the mesh asked the cloud for ${String(key)}`)
    },
  }) as Cloud
}

function context(clouds: readonly CloudName[] = ['aws'], changed: Partial<Config> = {}): Context {
  return {
    config: { ...config, ...changed },
    platformId: platformId(config),
    target: { name: 'sandbox', environment: {}, caFile: undefined, clouds: {} },
    toolchain: new Proxy({}, { get: () => () => Promise.reject(new Error('no tool is to be run')) }),
    clouds: new Map(clouds.map(name => [name, cloudOf(name)])),
    openKubeClient,
    home: join(folder, 'home'),
    platformFolder: folder,
    templates: fileURLToPath(new URL('../../templates', import.meta.url)),
    mlpPath: '/nowhere',
    consent: {},
    signal: new AbortController().signal,
    emit: () => {},
    outputs: () => undefined,
  } as unknown as Context
}

const step = (id: string) => {
  const found = meshPhase.steps(config).find(candidate => candidate.id === id)
  if (found === undefined) throw new Error(`no step ${id}`)
  return found
}
const valuesOf = async (ref: typeof tls) => {
  const secret = await client.get(ref)
  if (secret === undefined) throw new Error(`${ref.name} is not there`)
  return secretValues(secret)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-mesh-'))
  plane = await startControlPlane('api')
  client = openKubeClient({
    cloud: 'aws',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  for (const name of ['istio-system', 'ml-platform', 'ml-serving']) {
    await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
})
afterAll(async () => {
  await plane?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('the root is made once, and whoever applies it again gets the same', async () => {
  const rootStep = step('4.aws.mesh-root')
  expect(await rootStep.status(context())).toMatchObject({ state: 'absent' })
  await rootStep.apply(context(), progress)
  const made = await valuesOf(root)
  await rootStep.apply(context(), progress)
  expect(await valuesOf(root)).toEqual(made)
  expect(await rootStep.status(context())).toMatchObject({ state: 'present' })
})

test('a cluster’s authority is below the root, is kept, and is made anew when that is asked for', async () => {
  const own = step('4.aws.mesh-authority')
  const outputs = await own.apply(context(), progress)
  const first = await valuesOf(authority)
  expect(isIssuedBy(first['ca-cert.pem'] ?? '', (await valuesOf(root))['root-cert.pem'] ?? '')).toBe(true)
  expect(JSON.stringify(outputs)).not.toContain('PRIVATE')
  expect(await own.status(context())).toMatchObject({ state: 'present' })
  await own.apply(context(), progress)
  expect((await valuesOf(authority))['ca-cert.pem']).not.toBe(first['ca-cert.pem'])
  expect(await own.status(context())).toMatchObject({ state: 'present' })
})

test('an authority below another root is seen', async () => {
  const other = await createRoot('another', { now: new Date(), days: 10 })
  const values = await valuesOf(authority)
  const secret = await client.get(authority)
  await client.apply(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: authority.name,
        namespace: authority.namespace,
        ...(secret?.metadata.labels === undefined ? {} : { labels: secret.metadata.labels }),
      },
      data: Object.fromEntries(
        Object.entries({ ...values, 'root-cert.pem': other.certificatePem }).map(([key, value]) => [
          key,
          Buffer.from(value).toString('base64'),
        ]),
      ),
    },
    { force: true },
  )
  expect(await step('4.aws.mesh-authority').status(context())).toMatchObject({ state: 'drifted' })
  await step('4.aws.mesh-authority').apply(context(), progress)
  expect(await step('4.aws.mesh-authority').status(context())).toMatchObject({ state: 'present' })
})

test('without the home cluster in the run no authority is made, and the error says which cloud is missing', async () => {
  await client.delete(authority)
  await expect(step('4.gcp.mesh-authority').apply(context(['gcp']), progress)).rejects.toMatchObject({
    code: 'MLP4051',
    message: expect.stringContaining('aws'),
  })
})

test('the gateway’s certificate is for the domain, and another domain is seen', async () => {
  const certificate = step('4.aws.gateway-certificate')
  await certificate.apply(context(['aws'], { domain: 'ml.example.com' }), progress)
  const shown = readCertificate((await valuesOf(tls))['tls.crt'] ?? '')
  expect(shown?.hosts).toEqual(['ml.example.com', '*.ml.example.com'])
  expect(await certificate.status(context(['aws'], { domain: 'ml.example.com' }))).toMatchObject({
    state: 'present',
  })
  expect(await certificate.status(context(['aws'], { domain: 'ml.example.org' }))).toMatchObject({
    state: 'drifted',
    why: 'it is not for ml.example.org, *.ml.example.org',
  })
})

test('a certificate from files is taken as it is; a key that is not its own is refused', async () => {
  const [one, other] = await Promise.all(
    ['a.example.com', 'b.example.com'].map(host => createSelfSigned([host], { now: new Date(), days: 5 })),
  )
  await writeFile(join(folder, 'cert.pem'), one?.certificatePem ?? '')
  await writeFile(join(folder, 'key.pem'), one?.keyPem ?? '')
  await writeFile(join(folder, 'other.pem'), other?.keyPem ?? '')
  const certificate = step('4.aws.gateway-certificate')
  const given = (key: string) => context(['aws'], { mesh: { tls: { certificate: 'cert.pem', key } } })
  await expect(certificate.apply(given('other.pem'), progress)).rejects.toMatchObject({ code: 'MLP4055' })
  await certificate.apply(given('key.pem'), progress)
  expect((await valuesOf(tls))['tls.crt']).toBe(one?.certificatePem)
  expect(await certificate.status(given('key.pem'))).toMatchObject({ state: 'present' })
})

test('a Secret of somebody else’s is neither read nor written', async () => {
  await client.delete(tls)
  await client.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tls.name, namespace: tls.namespace },
    data: { 'tls.crt': Buffer.from('theirs').toString('base64') },
  })
  await expect(step('4.aws.gateway-certificate').apply(context(), progress)).rejects.toMatchObject({
    code: 'MLP4016',
  })
  expect((await valuesOf(tls))['tls.crt']).toBe('theirs')
  expect(await step('4.aws.gateway-certificate').undo?.(context(), progress)).toEqual({
    removed: [],
    kept: [],
    left: [],
  })
})

test('an Istio that mlp did not install is refused by name, before any tool is run, and left by teardown', async () => {
  const istiod = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'istiod', namespace: 'istio-system' }
  await client.apply({
    apiVersion: istiod.apiVersion,
    kind: istiod.kind,
    metadata: { name: istiod.name, namespace: istiod.namespace, labels: { app: 'istiod' } },
    spec: {
      selector: { matchLabels: { app: 'istiod' } },
      template: {
        metadata: { labels: { app: 'istiod' } },
        spec: { containers: [{ name: 'discovery', image: 'docker.io/istio/pilot:1.20.0' }] },
      },
    },
  })
  await expect(step('4.aws.control-plane').apply(context(), progress)).rejects.toMatchObject({
    code: 'MLP4050',
    detail: expect.stringContaining('Deployment istio-system/istiod'),
  })
  expect(await step('4.aws.control-plane').undo?.(context(), progress)).toMatchObject({
    removed: [],
    left: [],
  })
  expect(await client.get(istiod)).toBeDefined()
  await client.delete(istiod)
})

test('what has pods without a sidecar gets new ones, once, and what mlp declares of it stays as it is', async () => {
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'old', namespace: 'ml-platform' }
  const template = {
    metadata: { labels: { app: 'old' } },
    spec: { containers: [{ name: 'main', image: 'example.com/old:1' }] },
  }
  const made = await client.apply({
    apiVersion: deployment.apiVersion,
    kind: deployment.kind,
    metadata: { name: 'old', namespace: 'ml-platform' },
    spec: { selector: { matchLabels: { app: 'old' } }, template },
  })
  const owned = (kind: string, name: string, uid: string | undefined) => [
    { apiVersion: 'apps/v1', kind, name, uid: uid ?? '' },
  ]
  const set = await client.apply({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'old-1',
      namespace: 'ml-platform',
      ownerReferences: owned('Deployment', 'old', made.metadata.uid),
    },
    spec: { replicas: 2, selector: { matchLabels: { app: 'old' } }, template },
  })
  await client.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'ml-platform' },
  })
  for (const name of ['old-1-a', 'old-1-b']) {
    await client.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'ml-platform',
        labels: { app: 'old' },
        ownerReferences: owned('ReplicaSet', 'old-1', set.metadata.uid),
      },
      spec: template.spec,
    })
  }
  const restarted = await restartWorkloads(client, { revision: '1-31-0' }, () => {})
  expect(restarted).toEqual([deployment])
  expect(JSON.stringify(await client.get(deployment))).toContain('kubectl.kubernetes.io/restartedAt')
  expect(await step('4.aws.sidecars').status(context())).toMatchObject({ state: 'absent' })
})
