import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { addressAt } from '../addresses.ts'
import { text } from '../clouds/aws/attributes.ts'
import { defaultRegion } from '../clouds/aws/naming.ts'
import type { ApiClient } from '../kubernetes/api-client.ts'
import type { KeyPair } from '../kubernetes/pki.ts'
import type { ProcessSupervisor } from '../kubernetes/process-supervisor.ts'
import { balanceServices } from '../outside/balanced-services.ts'
import { openClusterDoors } from '../outside/cluster-doors.ts'
import { borrowedAccount } from '../outside/google-account.ts'
import type { Outside } from '../outside/outside.ts'
import type { ImageStore } from '../registry/image-store.ts'
import type { World } from '../world.ts'
import { admit, annotations } from './admission.ts'
import { createImageSource, localImages } from './image-source.ts'
import { openEgress } from './kubelet/egress.ts'
import type { OutsideTable } from './network/service-table.ts'
import { startNodeAgent } from './node-agent.ts'
import type { Recipe, RecipePrograms } from './recipes/recipe.ts'

/** What runs pods for real on the sandbox's clusters. */
export interface Workloads {
  /** Regular expression of the images of pods that really run. */
  readonly localImages: string
  /** Where a cluster's kube-apiserver reaches its nodes and pods: a unix socket, the same ever after. */
  egressSocket(key: string): string
  start(cluster: WorkloadCluster): Promise<RunningWorkloads>
  /** Removes what is kept of a cluster's pods. */
  remove(key: string): Promise<void>
}

interface WorkloadCluster {
  readonly key: string
  readonly serviceCidr: string
  readonly client: ApiClient
  /** Signs the kubelets' certificates. */
  readonly authority: KeyPair
  /** Where kube-apiserver listens on this machine. */
  readonly apiPort: number
}

export interface RunningWorkloads {
  /** A TCP connection from the cluster's network. */
  dial: ReturnType<typeof startNodeAgent>['dial']
  /** Lets go of the pods; they run on for the next daemon. */
  close(): void
  /** Ends their processes and the network; the pods stay, and start again with the cluster. */
  stop(): Promise<void>
}

export interface WorkloadsOptions {
  /** As it is when a pod starts: there is no world before there are clusters. */
  world(): World
  readonly home: string
  readonly socketFolder: string
  readonly secrets: World['secrets']
  readonly processes: ProcessSupervisor
  images(): ImageStore
  /** Of those, images from elsewhere run that this machine can make. */
  readonly recipes: readonly Recipe[]
  readonly programs: Pick<RecipePrograms, 'find'>
  readonly outside: Outside
  timeScale(): number
  log(message: string): void
}

export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { home, socketFolder, processes, outside, timeScale, log } = options
  const images = localImages(options.secrets, options.recipes)
  const socketOf = (key: string, end: string) =>
    join(socketFolder, `${key.replaceAll('/', '-').slice(0, 40)}.${end}`)
  return {
    localImages: images,
    egressSocket: key => socketOf(key, 'egress'),
    async start({ key, serviceCidr, client, authority, apiPort }) {
      const [cloud = ''] = key.split('/')
      const world = options.world()
      const doors = await openClusterDoors({
        ...{ key, world, apiPort },
        apiAddress: addressAt(serviceCidr, 1),
        socketOf: end => socketOf(key, end),
        async googleAccountAt(address) {
          const pod = agent.workerAt(address)?.pod
          if (pod === undefined) return undefined
          return borrowedAccount(world, {
            namespace: pod.metadata.namespace,
            name: pod.spec.serviceAccountName,
            annotations: await annotations(pod, client),
          })
        },
      })
      const agent = startNodeAgent({
        ...{ key, home, serviceCidr, client, processes, timeScale, log, localImages: images },
        networkSocket: socketOf(key, 'net'),
        images: createImageSource(world, options.images(), key, options.recipes, options.programs),
        recipes: options.recipes,
        outside: { watch: outside.watch, table: () => joined(outside.table(cloud), doors.table) },
        admit: pod => admit(pod, world, key, client),
        caFile: world.caFile,
      })
      outside.setApi(key, { port: apiPort, socket: doors.apiSocket })
      const balancing = new AbortController()
      balanceServices(
        {
          ...{ key, client, log, dial: agent.dial, balancers: outside.balancers },
          region: () => regionOf(key, world),
        },
        balancing.signal,
      )
      const egress = await openEgress(socketOf(key, 'egress'), agent, authority)
      return {
        dial: agent.dial,
        close() {
          balancing.abort()
          outside.setApi(key, undefined)
          egress.close()
          doors.close()
          agent.close()
        },
        async stop() {
          balancing.abort()
          outside.setApi(key, undefined)
          egress.close()
          doors.close()
          await agent.stop()
        },
      }
    },
    async remove(key) {
      const folder = join(home, 'workloads')
      await rm(join(folder, key), { recursive: true, force: true })
      // Unpacked images are of no use to anybody once the last cluster that ran pods has gone.
      const clouds = (await readdir(folder).catch(() => [])).filter(name => name !== 'images')
      const left = await Promise.all(clouds.map(cloud => readdir(join(folder, cloud))))
      if (left.flat().length === 0) await rm(folder, { recursive: true, force: true })
    },
  }
}

function regionOf(key: string, world: World): string {
  const arn = text(world.store.get('aws_eks_cluster', key.split('/')[1] ?? '')?.attributes ?? {}, 'arn')
  return arn?.split(':')[3] ?? defaultRegion
}

function joined(one: OutsideTable, other: OutsideTable): OutsideTable {
  return {
    endpoints: [...one.endpoints, ...other.endpoints],
    names: { ...one.names, ...other.names },
    suffixes: [...one.suffixes, ...other.suffixes],
  }
}
