import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CloudError } from '../behaviour.ts'
import type { RunningWorkloads, Workloads } from '../workloads/workloads.ts'
import type { ClusterEndpoint, ClusterManager, ClusterSpec } from '../world.ts'
import { type ApiClient, openApiClient } from './api-client.ts'
import { readAuditEvents } from './audit-events.ts'
import {
  apiUrl,
  clusterPaths,
  egressFile,
  endOfLog,
  ensurePki,
  issuerOf,
  type TokenReviewer,
  writeConfiguration,
} from './cluster-files.ts'
import { type ClusterRecord, newRecord, readRecords, writeRecord } from './cluster-record.ts'
import {
  type ComponentName,
  componentNames,
  componentSpecs,
  type Programs,
  processName,
} from './components.ts'
import { startEtcd } from './etcd.ts'
import { makeNodes } from './nodes.ts'
import { findFreePorts } from './ports.ts'
import type { ProcessSupervisor } from './process-supervisor.ts'
import { clusterDefaults } from './rbac.ts'
import { readServiceAccountToken } from './service-account-token.ts'
import { requireSupportedVersion } from './versions.ts'
import { startVolumeProvisioner, type VolumeProvisioner } from './volume-provisioner.ts'

/** Generous: on a busy two-core machine three control planes start at once. */
const readyTimeoutMs = 120_000
const pollMs = 50

export interface ClusterManagerOptions {
  /** Absolute folder of everything the sandbox keeps. */
  readonly home: string
  /** Absolute path of a program; waits for it to be built where needed. */
  readonly program: (name: ComponentName) => Promise<string>
  readonly processes: ProcessSupervisor
  /** Where the daemon answers this cluster's TokenReviews: reviewTokenRequest of token-review.ts. */
  readonly reviewer: (key: string) => TokenReviewer
  /** What runs pods for real, and which images; without it kwok plays all pods. */
  readonly workloads?: Workloads
  readonly log: (message: string) => void
}

export interface Clusters extends ClusterManager {
  /** After a start of the daemon: adopts or starts what runs, finishes what was being destroyed. */
  resume(): Promise<void>
  /** Stops all processes and keeps the data. */
  stop(): Promise<void>
  /** Lets go of all that runs, for the next daemon. */
  detach(): void
  list(): readonly ClusterStatus[]
  /** The secret that this cluster's TokenReviews carry; undefined when there is no such cluster. */
  webhookToken(key: string): string | undefined
}

interface ClusterStatus {
  readonly key: string
  readonly version: string
  readonly endpoint: string
  readonly processes: readonly { readonly name: ComponentName; readonly pid: number | undefined }[]
}

interface Cluster {
  readonly record: ClusterRecord
  readonly caPem: string
  readonly client: ApiClient
  readonly workloads: RunningWorkloads | undefined
  readonly volumes: VolumeProvisioner
}

/** Real control planes below `home/clusters`. Reads what is recorded there; starts nothing before `resume` or `create`. */
export async function openClusterManager(options: ClusterManagerOptions): Promise<Clusters> {
  const { home, processes, log } = options
  const clusters = new Map<string, Cluster>()
  const records = new Map((await readRecords(home)).map(record => [record.key, record]))
  const exclusively = mutexByKey()
  /** Held while ports are looked for, so that two clusters made at once do not find the same. */
  const portLock = mutexByKey()

  async function keep(record: ClusterRecord): Promise<void> {
    records.set(record.key, record)
    await writeRecord(home, record)
  }

  async function bringUp(record: ClusterRecord, report: (message: string) => void): Promise<Cluster> {
    const paths = clusterPaths(home, record.key)
    report('making certificates')
    await ensurePki(paths, record)
    const encryptionKey = await readFile(join(paths.pki, 'secrets-encryption.key'), 'utf8')
    await writeConfiguration(
      paths,
      record,
      encryptionKey,
      options.reviewer(record.key),
      options.workloads && {
        localImages: options.workloads.localImages,
        egressSocket: options.workloads.egressSocket(record.key),
      },
    )
    report('waiting for the Kubernetes programs')
    const [etcd, apiServer, controllerManager, scheduler, kwok] = await Promise.all([
      options.program('etcd'),
      options.program('kube-apiserver'),
      options.program('kube-controller-manager'),
      options.program('kube-scheduler'),
      options.program('kwok'),
    ])
    const programs: Programs = {
      etcd,
      'kube-apiserver': apiServer,
      'kube-controller-manager': controllerManager,
      'kube-scheduler': scheduler,
      kwok,
    }
    const specs = componentSpecs(
      record,
      paths,
      programs,
      options.workloads && {
        egressConfiguration: egressFile(paths, options.workloads.egressSocket(record.key)),
        localImages: options.workloads.localImages,
      },
    )
    const known = clusters.get(record.key)
    const caPem = known?.caPem ?? (await readFile(join(paths.pki, 'ca.crt'), 'utf8'))
    const client = known?.client ?? (await openApiClient(record, paths))
    report('starting etcd and kube-apiserver')
    await startEtcd(record, paths, specs.etcd, processes)
    if (record.state === 'wanted') await keep({ ...record, state: 'served' })
    await processes.ensure(specs['kube-apiserver'])
    await untilReady(client, specs['kube-apiserver'].logFile)
    report('starting controllers, scheduler and nodes')
    for (const name of ['kube-controller-manager', 'kube-scheduler', 'kwok'] as const) {
      await processes.ensure(specs[name])
    }
    for (const object of clusterDefaults()) await client.apply(object)
    const authority = { certificatePem: caPem, keyPem: await readFile(join(paths.pki, 'ca.key'), 'utf8') }
    const { key, serviceCidr } = record
    const workloads =
      known?.workloads ??
      (await options.workloads?.start({ key, serviceCidr, client, authority, apiPort: record.ports.api }))
    const volumes = known?.volumes ?? startVolumeProvisioner({ key, folder: paths.volumes, client, log })
    const cluster = { record, caPem, client, workloads, volumes }
    clusters.set(record.key, cluster)
    return cluster
  }

  async function takeDown(key: string): Promise<void> {
    const cluster = clusters.get(key)
    cluster?.volumes.close()
    await cluster?.workloads?.stop()
    cluster?.client.close()
    clusters.delete(key)
    for (const component of componentNames.toReversed()) await processes.stop(processName(key, component))
  }

  async function remove(record: ClusterRecord): Promise<void> {
    await keep({ ...record, state: 'leaving' })
    await takeDown(record.key)
    await options.workloads?.remove(record.key)
    await rm(clusterPaths(home, record.key).folder, { recursive: true, force: true })
    records.delete(record.key)
  }

  function running(key: string): Cluster {
    const cluster = clusters.get(key)
    if (cluster === undefined)
      throw new CloudError('ResourceNotFoundException', `No cluster found for name: ${key}.`, 404)
    return cluster
  }

  async function recordFor(key: string, spec: ClusterSpec): Promise<ClusterRecord> {
    const existing = records.get(key)
    if (existing?.state === 'leaving') await remove(existing)
    else if (existing !== undefined) {
      if (existing.serviceCidr === spec.serviceCidr && existing.podCidr === spec.podCidr) return existing
      throw new CloudError('ResourceInUseException', `Cluster already exists with name: ${spec.name}`, 409)
    }
    return portLock('ports', async () => {
      const taken = new Set([...records.values()].flatMap(({ ports }) => Object.values(ports)))
      const [api, etcd, etcdPeer, kwok] = await findFreePorts(4, taken)
      if (api === undefined || etcd === undefined || etcdPeer === undefined || kwok === undefined) {
        throw new Error('fewer ports found than asked for')
      }
      const record = newRecord(key, spec, { api, etcd, etcdPeer, kwok })
      await keep(record)
      return record
    })
  }

  return {
    create: (key, spec, report) =>
      exclusively(key, async () => {
        requireSupportedVersion(spec)
        const cluster = await bringUp(await recordFor(key, spec), report)
        return endpointOf(cluster)
      }),
    describe(key) {
      const cluster = clusters.get(key)
      return cluster === undefined ? undefined : endpointOf(cluster)
    },
    async serviceAccount(token, audience) {
      const issuers = await Promise.all(
        [...records.values()].map(async record => ({
          cluster: record.key,
          issuer: issuerOf(record),
          publicKeyPem: await readFile(
            join(clusterPaths(home, record.key).pki, 'service-account.pub'),
            'utf8',
          ),
        })),
      )
      return readServiceAccountToken(token, audience, issuers)
    },
    async auditEvents(key, query) {
      return records.has(key) ? await readAuditEvents(clusterPaths(home, key).logs, query) : []
    },
    setNodes: (key, group, nodes) =>
      exclusively(key, () => makeNodes(running(key).client, group, nodes, readyTimeoutMs)),
    apply: (key, objects) =>
      exclusively(key, async () => {
        for (const object of objects) await running(key).client.apply(object)
      }),
    destroy: key =>
      exclusively(key, async () => {
        const record = records.get(key)
        if (record !== undefined) await remove(record)
      }),
    async resume() {
      await Promise.all(
        [...records.values()].map(record =>
          exclusively(record.key, async () => {
            if (record.state === 'leaving') await remove(record)
            else await bringUp(record, message => log(`${record.key}: ${message}`))
          }),
        ),
      )
    },
    async stop() {
      await Promise.all([...records.keys()].map(key => exclusively(key, () => takeDown(key))))
    },
    detach() {
      for (const { workloads, volumes } of clusters.values()) {
        volumes.close()
        workloads?.close()
      }
    },
    list: () =>
      [...records.values()].map(record => ({
        key: record.key,
        version: record.version,
        endpoint: apiUrl(record),
        processes: componentNames.map(name => ({ name, pid: processes.pid(processName(record.key, name)) })),
      })),
    webhookToken: key => records.get(key)?.webhookToken,
  }
}

function endpointOf(cluster: Cluster): ClusterEndpoint {
  const { record, caPem } = cluster
  return { endpoint: apiUrl(record), caPem, issuer: issuerOf(record) }
}

async function untilReady(client: ApiClient, logFile: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  let last = 'no answer yet'
  while (Date.now() < deadline) {
    try {
      const answer = await client.send('GET', '/readyz')
      if (answer.status === 200) return
      last = `/readyz answers ${answer.status}`
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
  const tail = await endOfLog(logFile)
  throw new Error(`kube-apiserver is not ready after ${readyTimeoutMs} ms (${last}); its log ends:\n${tail}`)
}

/** Runs one task at a time for each key, in order. */
function mutexByKey(): <T>(key: string, task: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (key, task) => {
    const run = (last.get(key) ?? Promise.resolve()).then(task, task)
    last.set(key, run)
    // The caller sees a failure through `run`; the next task only waits for it.
    run.catch(() => undefined)
    return run
  }
}
