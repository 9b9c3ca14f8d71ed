import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startReviewer } from '../../test/support/control-plane.ts'
import { eventually } from '../../test/support/processes.ts'
import { program } from '../../test/support/programs.ts'
import { openApiClient } from '../src/kubernetes/api-client.ts'
import { clusterPaths, etcdFolder } from '../src/kubernetes/cluster-files.ts'
import { type Clusters, openClusterManager } from '../src/kubernetes/cluster-manager.ts'
import { readRecords } from '../src/kubernetes/cluster-record.ts'
import { componentNames } from '../src/kubernetes/components.ts'
import { openSupervisor, type Supervisor } from '../src/processes/supervisor.ts'
import type { ClusterSpec, NodeSpec } from '../src/world.ts'

const key = 'aws/ml-platform-dev'
const spec: ClusterSpec = {
  cloud: 'aws',
  name: 'ml-platform-dev',
  version: '1.35',
  serviceCidr: '172.20.0.0/16',
  podCidr: '10.128.0.0/14',
}
const node = (number: number, more: Partial<NodeSpec> = {}): NodeSpec => ({
  name: `ip-10-0-1-${number}.ec2.internal`,
  labels: {
    'node.kubernetes.io/instance-type': 'm7i.large',
    'topology.kubernetes.io/zone': 'us-east-1a',
  },
  taints: [],
  capacity: { cpu: '2', memory: '8Gi', pods: '29' },
  providerId: `aws:///us-east-1a/i-${number}`,
  ...more,
})

let home: string
let supervisor: Supervisor
let clusters: Clusters
let reviewer: Awaited<ReturnType<typeof startReviewer>>

async function open(): Promise<void> {
  supervisor = await openSupervisor(join(home, 'processes'), () => {})
  clusters = await openClusterManager({
    home,
    program,
    processes: supervisor,
    reviewer: reviewer.of,
    log: () => {},
  })
}

async function admin() {
  const [record] = await readRecords(home)
  if (record === undefined) throw new Error('there is no cluster')
  return openApiClient(record, clusterPaths(home, record.key))
}

const etcdLog = () =>
  join(etcdFolder(clusterPaths(home, key)), 'member', 'wal', '0000000000000000-0000000000000000.wal')

const pids = () => clusters.list().flatMap(cluster => cluster.processes.map(({ pid }) => pid))

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'mlp-clusters-'))
  reviewer = await startReviewer()
  await open()
})
afterAll(async () => {
  await supervisor?.stopAll()
  await reviewer?.stop()
  await rm(home, { recursive: true, force: true })
})

describe('a cluster', () => {
  test('refuses other versions in the cloud’s words', async () => {
    await expect(clusters.create(key, { ...spec, version: '1.21' }, () => {})).rejects.toMatchObject({
      code: 'InvalidParameterException',
      message: 'unsupported Kubernetes version 1.21',
    })
    expect(clusters.list()).toEqual([])
  })

  test('comes up once, however often it is asked for', async () => {
    const [first, second] = await Promise.all([
      clusters.create(key, spec, () => {}),
      clusters.create(key, spec, () => {}),
    ])
    expect(second).toEqual(first)
    expect(clusters.describe(key)).toEqual(first)
    expect(clusters.list().map(cluster => cluster.key)).toEqual([key])
    expect(pids()).not.toContain(undefined)
    const client = await admin()
    expect(await client.call('GET', '/version')).toMatchObject({ gitVersion: 'v1.35.4' })
    client.close()
  })

  test('keeps its secrets to its user', async () => {
    const paths = clusterPaths(home, key)
    for (const folder of [paths.folder, paths.pki, paths.data]) {
      expect((await stat(folder)).mode & 0o077).toBe(0)
    }
    for (const file of ['pki/ca.key', 'pki/service-account.key', 'config/encryption.yaml', 'cluster.json']) {
      expect((await stat(join(paths.folder, file))).mode & 0o777).toBe(0o600)
    }
  })

  test('writes down who asked for what', async () => {
    const began = Date.now()
    const metadata = { name: 'written-down', namespace: 'default' }
    await clusters.apply(key, [{ apiVersion: 'v1', kind: 'ConfigMap', metadata }])
    const query = { resource: 'configmaps', ...metadata }
    expect(await clusters.auditEvents(key, { ...query, since: began })).toMatchObject([
      { verb: 'patch', user: { username: 'sandbox:daemon' }, objectRef: metadata, line: expect.any(String) },
    ])
    expect(await clusters.auditEvents(key, { ...query, since: Date.now() + 60_000 })).toEqual([])
    expect(await clusters.auditEvents('aws/another', { ...query, since: began })).toEqual([])
  })

  test('has exactly the nodes of its groups, Ready, with their labels, taints and addresses', async () => {
    const gpu = node(9, {
      name: 'gke-gpu-1',
      taints: [{ key: 'nvidia.com/gpu', value: 'true', effect: 'NoSchedule' }],
    })
    await clusters.setNodes(key, 'general', [node(1), node(2), node(3)])
    await clusters.setNodes(key, 'gpu', [gpu])
    await clusters.setNodes(key, 'general', [node(2), node(4)])
    const client = await admin()
    const list = await client.call('GET', '/api/v1/nodes')
    client.close()
    const items = (list as { items: { metadata: object; spec: object; status: object }[] }).items
    expect(items).toMatchObject([
      {
        metadata: { name: 'gke-gpu-1', labels: { 'sandbox.mlp.dev/node-group': 'gpu' } },
        spec: { taints: [{ key: 'nvidia.com/gpu', effect: 'NoSchedule' }] },
        status: { addresses: [{ type: 'InternalIP', address: expect.stringMatching(/^100\.64\./) }, {}] },
      },
      {
        metadata: {
          name: 'ip-10-0-1-2.ec2.internal',
          labels: {
            'node.kubernetes.io/instance-type': 'm7i.large',
            'topology.kubernetes.io/zone': 'us-east-1a',
          },
        },
        spec: { providerID: 'aws:///us-east-1a/i-2' },
        status: {
          capacity: { cpu: '2' },
          addresses: [{ type: 'InternalIP', address: '10.0.1.2' }, {}],
          nodeInfo: { kubeletVersion: 'v1.35.4' },
        },
      },
      { metadata: { name: 'ip-10-0-1-4.ec2.internal' } },
    ])
  })

  test('runs pods and jobs on them', async () => {
    const container = { name: 'main', image: 'registry.invalid/nothing:1' }
    await clusters.apply(key, [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'default' },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } },
        },
      },
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'once', namespace: 'default' },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
      },
    ])
    const client = await admin()
    await eventually('the deployment to be available and the job to complete', async () => {
      const [web, once] = (await Promise.all([
        client.call('GET', '/apis/apps/v1/namespaces/default/deployments/web'),
        client.call('GET', '/apis/batch/v1/namespaces/default/jobs/once'),
      ])) as { status: { availableReplicas?: number; succeeded?: number } }[]
      return web?.status.availableReplicas === 2 && once?.status.succeeded === 1 ? true : undefined
    })
    client.close()
  })

  test('asks the cloud whose a token is, and nobody else may ask it', async () => {
    const endpoint = clusters.describe(key)
    if (endpoint === undefined) throw new Error('the cluster is gone')
    reviewer.secrets.set(key, clusters.webhookToken(key) ?? '')
    const { openKubeClient } = await import('../../src/kube/client.ts')
    const as = (user: string, lifetimeMs: number) =>
      openKubeClient({
        cloud: 'aws',
        access: {
          name: spec.name,
          endpoint: endpoint.endpoint,
          certificateAuthorityPem: endpoint.caPem,
          version: '1.35',
          status: 'ACTIVE',
        },
        token: async () => reviewer.issue(user, lifetimeMs),
        signal: new AbortController().signal,
      })
    const question = { verb: 'delete', group: '', resource: 'namespaces' }
    expect((await (await as('admin', 600_000)).may(question)).allowed).toBe(true)
    expect((await (await as('nobody', 600_000)).may(question)).allowed).toBe(false)
    await expect((await as('admin', -1)).may(question)).rejects.toMatchObject({ code: 'MLP4003' })
    reviewer.secrets.set(key, 'another')
    await expect((await as('admin', 500_000)).may(question)).rejects.toMatchObject({ code: 'MLP4003' })
  })

  test('keeps Secrets encrypted on disk', async () => {
    const marker = 'a-value-that-no-disk-may-hold'
    await clusters.apply(key, [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'hidden', namespace: 'default' },
        stringData: { marker },
      },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'open', namespace: 'default' },
        data: { marker: 'a-value-that-may-be-read' },
      },
    ])
    const written = await readFile(etcdLog(), 'latin1')
    expect(written).toContain('a-value-that-may-be-read')
    expect(written).not.toContain(marker)
  })
})

describe('after kill -9', () => {
  for (const component of componentNames) {
    test(`of ${component}, it is started again and the cluster goes on`, async () => {
      const pidOf = () => clusters.list()[0]?.processes.find(process => process.name === component)?.pid
      const before = pidOf()
      process.kill(before ?? 0, 'SIGKILL')
      await eventually(`another ${component}`, () => {
        const now = pidOf()
        return now !== undefined && now !== before ? now : undefined
      })
      // Proves all five at once: the scheduler places it, controllers make it, kwok runs it, etcd keeps it.
      const name = `after-${component}`
      const client = await admin()
      await eventually(
        `a pod of ${name} to run`,
        async () => {
          const made = await client
            .apply({
              apiVersion: 'batch/v1',
              kind: 'Job',
              metadata: { name, namespace: 'default' },
              spec: {
                template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x' }] } },
              },
            })
            .then(() => client.call('GET', `/apis/batch/v1/namespaces/default/jobs/${name}`))
            .catch(() => undefined)
          return (made as { status?: { succeeded?: number } } | undefined)?.status?.succeeded === 1
            ? true
            : undefined
        },
        90_000,
      )
      client.close()
    })
  }

  test('of the daemon, the next one adopts what runs', async () => {
    const before = pids()
    const endpoint = clusters.describe(key)
    supervisor.detach()
    await open()
    expect(clusters.describe(key)).toBeUndefined()
    await clusters.resume()
    expect(pids()).toEqual(before)
    expect(clusters.describe(key)).toEqual(endpoint)
  })

  test('of everything, it comes back with its data on the same port', async () => {
    const endpoint = clusters.describe(key)
    supervisor.detach()
    for (const pid of pids()) process.kill(pid ?? 0, 'SIGKILL')
    await open()
    await clusters.resume()
    expect(clusters.describe(key)).toEqual(endpoint)
    const client = await admin()
    expect(await client.call('GET', '/api/v1/namespaces/default/secrets/hidden')).toMatchObject({
      kind: 'Secret',
    })
    client.close()
  })
})

test('destroying it ends its processes and removes its data, once and again', async () => {
  const before = pids()
  await clusters.destroy(key)
  await clusters.destroy(key)
  // What is just being started again has no process yet.
  const running = before.flatMap(pid => pid ?? [])
  expect(running.length).toBeGreaterThan(0)
  for (const pid of running) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  await expect(stat(clusterPaths(home, key).folder)).rejects.toThrow('ENOENT')
  expect(clusters.list()).toEqual([])
  await expect(clusters.setNodes(key, 'general', [])).rejects.toMatchObject({ httpStatus: 404 })
})

test('an etcd that is killed before it knows itself as a member does not keep the cluster from coming up', async () => {
  const etcd = () => clusters.list()[0]?.processes.find(({ name }) => name === 'etcd')?.pid
  for (let attempt = 1; ; attempt++) {
    const created = clusters.create(key, spec, () => {})
    const deadline = Date.now() + 60_000
    let pid = etcd()
    for (; pid === undefined && Date.now() < deadline; pid = etcd()) await nextTurn()
    if (pid === undefined) throw new Error('etcd was not started')
    // Not a moment is to be lost: it knows itself within milliseconds, which no timer is exact enough for.
    while (!existsSync(etcdLog()) && Date.now() < deadline);
    process.kill(pid, 'SIGKILL')
    const isHit = recordsIn(await readFile(etcdLog())) === recordsOfAnEmptyLog
    await created
    const client = await admin()
    expect(await client.call('GET', '/api/v1/namespaces/default')).toMatchObject({ kind: 'Namespace' })
    client.close()
    await clusters.destroy(key)
    if (isHit) break
    expect(attempt, 'etcd was never hit in its first moments').toBeLessThan(20)
  }
})

/** Checksum, metadata and the snapshot that nothing precedes. */
const recordsOfAnEmptyLog = 3

/** How many records a log of etcd has: each after its length, whose highest byte says how it is padded. */
function recordsIn(log: Buffer): number {
  let count = 0
  for (let at = 0; at + 8 <= log.length; count++) {
    const field = log.readBigUInt64LE(at)
    if (field === 0n) break
    const top = Number(field >> 56n)
    at += 8 + Number(field & ((1n << 56n) - 1n)) + (top & 0x80 ? top & 7 : 0)
  }
  return count
}
