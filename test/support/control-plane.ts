import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, openApiClient } from '../../sandbox/src/kubernetes/api-client.ts'
import {
  type AuditEvent,
  type AuditQuery,
  readAuditEvents,
} from '../../sandbox/src/kubernetes/audit-events.ts'
import { clusterPaths, ensurePki, writeConfiguration } from '../../sandbox/src/kubernetes/cluster-files.ts'
import { newRecord, writeRecord } from '../../sandbox/src/kubernetes/cluster-record.ts'
import {
  type ComponentName,
  componentNames,
  componentSpecs,
  processName,
} from '../../sandbox/src/kubernetes/components.ts'
import { createCertificateAuthority, issueCertificate } from '../../sandbox/src/kubernetes/pki.ts'
import { findFreePorts } from '../../sandbox/src/kubernetes/ports.ts'
import { clusterAdminsGroup, clusterDefaults } from '../../sandbox/src/kubernetes/rbac.ts'
import { reviewTokenRequest, tokenReviewUrl } from '../../sandbox/src/kubernetes/token-review.ts'
import type { SimulatedCloud } from '../../sandbox/src/simulated-cloud.ts'
import type { World } from '../../sandbox/src/world.ts'
import type { ClusterAccess, ClusterToken } from '../../src/clouds/cloud.ts'
import { createTestProcesses, eventually } from './processes.ts'
import { program } from './programs.ts'

export interface TestControlPlane {
  readonly access: ClusterAccess
  /** An administrator's token, unless another user or an earlier end is asked for. */
  token(options?: { readonly user?: 'admin' | 'nobody'; readonly lifetimeMs?: number }): ClusterToken
  /** By client certificate, past everything that is tested. */
  readonly admin: ApiClient
  /** What its API server has written down. */
  auditEvents(query: AuditQuery): Promise<readonly AuditEvent[]>
  pid(component: ComponentName): number | undefined
  stop(): Promise<void>
}

/** How much of a cluster: its API; controllers and scheduler too, with the test as kubelet; or kwok as that. */
type Extent = 'api' | 'controllers' | 'nodes'
const componentCounts = { api: 2, controllers: 4, nodes: 5 } as const

/**
 * A real etcd and kube-apiserver for one test file (about two seconds), and what else of a cluster is asked for.
 * Tokens are checked by the real webhook authenticator against a reviewer of this test.
 */
export async function startControlPlane(extent: Extent = 'api'): Promise<TestControlPlane> {
  const home = await mkdtemp(join(tmpdir(), 'mlp-kube-'))
  const key = 'aws/test'
  const started = componentNames.slice(0, componentCounts[extent])
  const reviewer = await startReviewer()
  const [api = 0, etcd = 0, etcdPeer = 0, kwok = 0] = await findFreePorts(4, new Set())
  const spec = {
    cloud: 'aws',
    name: 'test',
    version: '1.35',
    serviceCidr: '10.96.0.0/16',
    podCidr: '10.128.0.0/14',
  } as const
  const record = newRecord(key, spec, { api, etcd, etcdPeer, kwok })
  const paths = clusterPaths(home, key)
  await writeRecord(home, record)
  await ensurePki(paths, record)
  const encryptionKey = await readFile(join(paths.pki, 'secrets-encryption.key'), 'utf8')
  reviewer.secrets.set(key, record.webhookToken)
  await writeConfiguration(paths, record, encryptionKey, reviewer.of(key))
  const [etcdProgram, apiServer, controllerManager = '', scheduler = '', kwokProgram = ''] =
    await Promise.all(started.map(program))
  if (etcdProgram === undefined || apiServer === undefined)
    throw new Error('etcd and kube-apiserver are needed')
  const specs = componentSpecs(record, paths, {
    etcd: etcdProgram,
    'kube-apiserver': apiServer,
    'kube-controller-manager': controllerManager,
    'kube-scheduler': scheduler,
    kwok: kwokProgram,
  })
  const processes = createTestProcesses()
  const admin = await openApiClient(record, paths)
  const stop = async () => {
    admin.close()
    await processes.stopAll()
    await reviewer.stop()
    await rm(home, { recursive: true, force: true })
  }
  try {
    for (const name of started) {
      await processes.ensure(specs[name])
    }
    await eventually(
      'kube-apiserver to be ready',
      async () => {
        const answer = await admin.send('GET', '/readyz').catch(() => undefined)
        return answer?.status === 200 ? true : undefined
      },
      90_000,
    )
    for (const object of clusterDefaults()) await admin.apply(object)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    access: {
      name: 'test',
      endpoint: `https://127.0.0.1:${api}`,
      certificateAuthorityPem: await readFile(join(paths.pki, 'ca.crt'), 'utf8'),
      version: '1.35',
      status: 'ACTIVE',
    },
    token: ({ user = 'admin', lifetimeMs = 900_000 } = {}) => reviewer.issue(user, lifetimeMs),
    admin,
    auditEvents: query => readAuditEvents(paths.logs, query),
    pid: component => processes.pid(processName(key, component)),
    stop,
  }
}

/** A cloud that knows two users by opaque tokens, behind the handler that the sandbox daemon uses. */
export async function startReviewer() {
  const authority = await createCertificateAuthority('test reviewer')
  const leaf = await issueCertificate(authority, {
    commonName: 'reviewer',
    usage: ['server'],
    ipAddresses: ['127.0.0.1'],
  })
  const secrets = new Map<string, string>()
  const cloud: Pick<SimulatedCloud, 'name' | 'reviewToken'> = {
    name: 'aws',
    async reviewToken(token) {
      const [user = '', end = ''] = token.split('~')
      if (Date.now() > Number(end)) return undefined
      return { username: user, groups: user === 'admin' ? [clusterAdminsGroup] : [] }
    },
  }
  const world: World = Object.create(null)
  const server = createServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (request, response) => {
    reviewTokenRequest(request, response, world, [cloud], key => secrets.get(key)).catch(error => {
      response.writeHead(500).end(String(error))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the reviewer listens on no port')
  const endpoint = `https://127.0.0.1:${address.port}`
  return {
    secrets,
    of: (key: string) => ({ url: tokenReviewUrl(endpoint, key), caPem: authority.certificatePem }),
    issue(user: string, lifetimeMs: number): ClusterToken {
      const end = Date.now() + lifetimeMs
      return { token: `${user}~${end}`, expiresAt: new Date(end).toISOString() }
    },
    stop: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
