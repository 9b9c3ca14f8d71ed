import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import { get } from 'node:https'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { promisify } from 'node:util'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { ClusterAccess, ClusterToken } from '../../src/clouds/cloud.ts'
import { startReviewer } from '../../test/support/control-plane.ts'
import { isObtainable, program } from '../../test/support/programs.ts'
import { materialise } from '../src/clouds/aws/object-store.ts'
import { simulatedClouds } from '../src/clouds/index.ts'
import { type EmulatorName, startEmulator } from '../src/emulators.ts'
import { openHome } from '../src/home.ts'
import { startHostProxy } from '../src/http/host-proxy.ts'
import type { ApiClient } from '../src/kubernetes/api-client.ts'
import { openApiClient } from '../src/kubernetes/api-client.ts'
import { clusterPaths } from '../src/kubernetes/cluster-files.ts'
import { type Clusters, openClusterManager } from '../src/kubernetes/cluster-manager.ts'
import { readRecords } from '../src/kubernetes/cluster-record.ts'
import { openEdge } from '../src/outside/edge.ts'
import { openOutside } from '../src/outside/outside.ts'
import { openSupervisor } from '../src/processes/supervisor.ts'
import { ecrAuthorization } from '../src/registry/ecr.ts'
import { openImageStore } from '../src/registry/image-store.ts'
import { openRegistryListener } from '../src/registry/listener.ts'
import { type DataServers, openDataServers } from '../src/servers/data-servers.ts'
import { serverTypes } from '../src/servers/wanted.ts'
import { observed } from '../src/store/observed-store.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import { obtainableRecipes } from '../src/workloads/recipes/recipes.ts'
import { canRunPods } from '../src/workloads/supported.ts'
import { createWorkloads, type RunningWorkloads } from '../src/workloads/workloads.ts'
import type { World } from '../src/world.ts'
import { type BuiltImage, pushImage } from './image-fixture.ts'
import { fakeWorld } from './terraform-harness.ts'

const role = 'ml-platform-dev-nodes'

export interface TestCluster {
  readonly world: World
  readonly admin: ApiClient
  readonly home: string
  /** Pushes to the repository `team/web`; returns the reference by digest. */
  push(image: BuiltImage): Promise<string>
  /** Takes the permission to pull away from the nodes, or gives it back. */
  allowPulls(allowed: boolean): void
  /** A TCP connection as a node makes it. */
  dial: RunningWorkloads['dial']
  /** What a killed daemon leaves and the next one takes up: everything but the processes is made anew. */
  replaceDaemon(meanwhile?: () => Promise<void>): Promise<void>
  readonly kubeconfig: string
  readonly access: ClusterAccess
  /** An administrator's. */
  token(): ClusterToken
  processIds(): readonly number[]
  processId(name: string): number
  /** Starts the data plane of an object store. */
  startStore(name: EmulatorName): Promise<void>
  /** As `dial`, by a name outside of the cluster. */
  dialName(host: string, port: number): Promise<Socket>
  /** As the sandbox's own user. */
  putObject(bucket: string, key: string, content: string): Promise<void>
  /** As a pod asks a cloud by its own host name. */
  askCloud(
    host: string,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly text: string }>
  kubectl(...args: readonly string[]): Promise<string>
  destroy(): Promise<void>
  close(): Promise<void>
}

/** Whether this machine runs pods; a skip is said. */
export async function canTestPods(): Promise<boolean> {
  const supported = await canRunPods()
  if (!supported)
    process.stderr.write('SKIPPED: this machine allows no namespaces to its users, so no pod can run here\n')
  return supported
}

/** A real control plane with a node, a registry and the node agent: what the daemon puts together, without its clouds. */
export async function startTestCluster(cloud: 'aws' | 'gcp' | 'azure' = 'aws'): Promise<TestCluster> {
  const key = `${cloud}/ml-platform-dev`
  const folder = await mkdtemp(join(tmpdir(), 'mlp-pods-'))
  const home = await openHome(folder)
  let dataServers: DataServers | undefined
  const store = observed(openSqliteStore(join(folder, 'store.sqlite')), type => {
    if (serverTypes.has(type)) dataServers?.changed()
  })
  const logged: string[] = []
  const log = (line: string) => void logged.push(line)
  const at = (port: number, scheme = 'http') => `${scheme}://127.0.0.1:${port}`
  const world: World = {
    ...fakeWorld(folder, store, 0, log),
    secrets: home.secrets,
    caPem: home.authority.certificatePem,
    caFile: home.caFile,
    endpoints: {
      ...fakeWorld(folder, store, 0, log).endpoints,
      s3: at(home.ports.s3),
      gcs: at(home.ports.gcs),
      blob: at(home.ports.blob, 'https'),
    },
    get clusters() {
      return daemon.clusters
    },
    async ensureBlobAccount(account) {
      store.putFact('blob-accounts', account, true)
      daemon.outside.changed()
    },
    settled: async () => dataServers?.settled(),
  }
  const account = home.secrets.awsAccountId
  const allowPulls = (allowed: boolean) => {
    const policy = 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly'
    if (allowed) store.put('aws_iam_role_policy_attachment', 'pull', { role, policy_arn: policy })
    else store.delete('aws_iam_role_policy_attachment', 'pull')
  }
  store.put('aws_ecr_repository', 'team/web', {
    arn: `arn:aws:ecr:us-east-1:${account}:repository/team/web`,
  })
  store.put('aws_eks_node_group', 'general', {
    cluster_name: 'ml-platform-dev',
    node_role_arn: `arn:aws:iam::${account}:role/${role}`,
  })
  allowPulls(true)

  const reviewer = await startReviewer()
  let running: RunningWorkloads | undefined
  const open = async () => {
    const outside = openOutside({
      socketFolder: home.socketFolder,
      doors: cloud => dataServers?.doors(cloud) ?? [],
      blobAccounts: () => store.listFacts('blob-accounts'),
    })
    const supervisor = await openSupervisor(join(folder, 'processes'), log)
    const images = openImageStore({
      home: folder,
      socketFolder: home.socketFolder,
      program: () => program('registry'),
      processes: supervisor,
      store,
      bringUp: (_name, start) => start(),
      log,
    })
    const listener = openRegistryListener(world, home.authority, images)
    const proxy: Server = await startHostProxy({
      port: home.ports.proxy,
      blobPort: home.ports.blob,
      hasAccount: () => false,
      acceptGithub: () => false,
      acceptRegistry: listener.accept,
      balancer: outside.balancers.find,
    })
    const edge = await openEdge({
      socket: outside.edgeSocket,
      authority: home.authority,
      world,
      hasBlobAccount: name => store.getFact('blob-accounts', name) === true,
      answerRegistry: listener.handle,
      async answerCloud(name, request, response) {
        await simulatedClouds.find(cloud => cloud.name === name)?.handle(request, response, world)
      },
    })
    const servers = await openDataServers({
      home: folder,
      socketFolder: home.socketFolder,
      authority: home.authority,
      world,
      processes: supervisor,
      path: process.env['PATH'],
      bringUp: (name, start) =>
        start().catch(error => {
          log(`${name}: ${error instanceof Error ? error.stack : String(error)}`)
          throw error
        }),
      onDoors: () => outside.changed(),
    })
    dataServers = servers
    servers.changed()
    const workloads = createWorkloads({
      recipes: await obtainableRecipes({ isObtainable }),
      programs: { find: program },
      ...{ home: folder, processes: supervisor, log, secrets: home.secrets, outside },
      world: () => world,
      socketFolder: home.socketFolder,
      images: () => images,
      timeScale: () => 0,
    })
    const clusters: Clusters = await openClusterManager({
      home: folder,
      program,
      processes: supervisor,
      reviewer: reviewer.of,
      log,
      workloads: {
        ...workloads,
        async start(started) {
          running = await workloads.start(started)
          return running
        },
      },
    })
    return { supervisor, images, proxy, clusters, outside, edge, servers }
  }
  let daemon = await open()
  const spec = {
    cloud,
    name: 'ml-platform-dev',
    version: '1.35',
    serviceCidr: '172.20.0.0/16',
    podCidr: '10.128.0.0/14',
  } as const
  const { endpoint, caPem } = await daemon.clusters.create(key, spec, () => {})
  await daemon.clusters.setNodes(key, 'general', [
    {
      name: 'ip-10-0-1-7.ec2.internal',
      labels: {},
      taints: [],
      capacity: { cpu: '8', memory: '32Gi', pods: '60' },
      providerId: 'aws:///us-east-1a/i-7',
    },
  ])
  const [record] = await readRecords(folder)
  if (record === undefined) throw new Error('there is no cluster')
  reviewer.secrets.set(key, record.webhookToken)
  const admin = await openApiClient(record, clusterPaths(folder, key))
  const host = `${account}.dkr.ecr.us-east-1.amazonaws.com`

  const endListening = () => {
    daemon.images.close()
    daemon.edge.close()
    daemon.outside.close()
    daemon.servers.close()
    daemon.proxy.close()
    daemon.proxy.closeAllConnections()
  }

  const dialName: TestCluster['dialName'] = async (name, port) => {
    const address = daemon.outside.table(cloud).names[name]
    if (address === undefined || running === undefined) throw new Error(`${name} is not there`)
    return running.dial(address, port)
  }

  return {
    world,
    admin,
    home: folder,
    allowPulls,
    async push(image) {
      const { authorizationData } = ecrAuthorization(world, 'us-east-1')
      await pushImage({ proxyPort: home.ports.proxy, ca: home.authority.certificatePem }, image, {
        host,
        repository: 'team/web',
        authorization: `Basic ${authorizationData[0]?.authorizationToken}`,
      })
      return `${host}/team/web@${image.digest}`
    },
    async dial(address, port) {
      if (running === undefined) throw new Error('no cluster has started')
      return running.dial(address, port)
    },
    access: {
      name: spec.name,
      endpoint,
      certificateAuthorityPem: caPem,
      version: spec.version,
      status: 'ACTIVE',
    },
    token: () => reviewer.issue('admin', 600_000),
    kubeconfig: join(clusterPaths(folder, key).config, 'admin.kubeconfig'),
    async replaceDaemon(meanwhile) {
      daemon.clusters.detach()
      daemon.supervisor.detach()
      endListening()
      await meanwhile?.()
      daemon = await open()
      await daemon.clusters.resume()
    },
    processId(name) {
      const pid = daemon.supervisor.pid(name)
      if (pid === undefined) throw new Error(`${name} does not run`)
      return pid
    },
    processIds: () => daemon.supervisor.list().flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    startStore: name =>
      startEmulator(
        name,
        home,
        { find: program, isObtainable, progress: () => new Map() },
        daemon.supervisor,
      ),
    dialName,
    async putObject(bucket, key, content) {
      await materialise(world, bucket)
      const client = new S3Client({
        endpoint: world.endpoints.s3,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: {
          accessKeyId: home.secrets.awsAccessKeyId,
          secretAccessKey: home.secrets.awsSecretAccessKey,
        },
      })
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }))
      client.destroy()
    },
    async askCloud(host, path, headers) {
      if (running === undefined) throw new Error('no cluster has started')
      const socket = await running.dial('198.18.0.1', 443)
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(
          {
            path,
            headers: { host, ...headers },
            createConnection: () => tlsConnect({ socket, servername: host, ca: world.caPem }),
          },
          resolve,
        ).on('error', reject)
      })
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(Buffer.from(chunk))
      return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }
    },
    async kubectl(...args) {
      const file = await program('kubectl')
      const configuration = join(clusterPaths(folder, key).config, 'admin.kubeconfig')
      const { stdout } = await promisify(execFile)(file, ['--kubeconfig', configuration, ...args])
      return stdout
    },
    destroy: () => daemon.clusters.destroy(key),
    async close() {
      admin.close()
      await daemon.clusters.stop()
      endListening()
      await daemon.supervisor.stopAll()
      daemon.supervisor.detach()
      await reviewer.stop()
      store[Symbol.dispose]()
      if (process.env['MLP_TEST_LOG'] !== undefined) process.stderr.write(`${logged.join('\n')}\n`)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
