import { emulatorNames, emulatorProcessName } from './emulators.ts'
import type { Faults } from './faults.ts'
import type { SandboxHome } from './home.ts'
import type { Clusters } from './kubernetes/cluster-manager.ts'
import { listDate } from './prices.ts'
import { residentBytes } from './processes/process-identity.ts'
import type { Supervisor } from './processes/supervisor.ts'
import type { Programs } from './programs.ts'
import type { SimulatedCloud } from './simulated-cloud.ts'
import type { ResourceStore } from './store/resource-store.ts'
import type { Recipe } from './workloads/recipes/recipe.ts'
import { leftOut } from './workloads/recipes/recipes.ts'

/** A part of the sandbox that has not come up yet. */
export type PartState = { readonly state: 'starting' } | { readonly state: 'failed'; readonly why: string }

export interface StatusSources {
  readonly home: SandboxHome
  readonly startedAt: string
  readonly timeScale: number
  readonly clouds: readonly SimulatedCloud[]
  readonly store: ResourceStore
  readonly processes: Supervisor
  readonly clusters: Clusters
  readonly starting: ReadonlyMap<string, PartState>
  readonly programs: Programs
  readonly faults: Faults
  /** Whether pods of pushed images run on this machine. */
  readonly runsPods: boolean
  /** Images from elsewhere that run too, made of programs of the same version. */
  readonly recipes: readonly Recipe[]
  readonly github: { readonly real: readonly string[]; readonly simulated: readonly string[] }
  readonly dataServers: { readonly real: readonly string[]; readonly missing: readonly string[] }
}

/** What is real here and what only behaves like it; shown as it is. */
const real = [
  'terraform, helm, kubectl and the cloud SDKs',
  'etcd, kube-apiserver, kube-controller-manager and kube-scheduler, one set a cluster',
  'object storage data planes: versitygw (S3), fake-gcs-server (Cloud Storage), azurite (Blob)',
  'contents of the image registries: CNCF distribution, started by the first push',
]
const runningPods =
  'pods of images pushed to the sandbox: processes from the image, on a private network of their cluster; limits of CPU are not enforced, of memory where this user may make memory cgroups'
const simulated = [
  "the clouds' control planes: terraform providers and APIs over one resource store, on official schemas",
  'networks, keys and identities: records without a service behind them',
  `price lists: prices of ${listDate} in one region of each cloud, given for every region`,
]

const otherPods = 'nodes, and pods of other images: kwok reports them ready, nothing runs in them'
const allPods =
  'nodes and all pods: kwok reports them ready; running them takes Linux with user namespaces, util-linux and iproute2'

/** Without what has no program: the sandbox does that itself, and says so of the pod. */
function fromRecipes(recipes: readonly Recipe[]): readonly string[] {
  const programs = recipes.filter(recipe => Object.keys(recipe.programs).length > 0)
  if (programs.length === 0) return []
  return [
    `pods of images from elsewhere, made of their programs: ${programs.map(one => one.what).join('; ')}`,
  ]
}

function withoutPrograms({ what }: Recipe): string {
  return `pods of ${what}: this machine lacks what it takes to get or to run them (Go, Python 3 with pip, iptables)`
}

/** What `mlp sandbox status` shows; src/cli/sandbox-client.ts reads it. */
export async function sandboxStatus(sources: StatusSources): Promise<object> {
  const { home, store, clouds, processes, clusters } = sources
  const ports = new Map([
    ...emulatorNames.map(name => [emulatorProcessName(name), home.ports[name]] as const),
    ...clusters
      .list()
      .map(
        cluster =>
          [`clusters/${cluster.key}/kube-apiserver`, Number(new URL(cluster.endpoint).port)] as const,
      ),
  ])
  const types = new Map(
    clouds.flatMap(cloud => cloud.behaviours.map(({ type }) => [type, cloud.name] as const)),
  )
  const resources = store.all()
  return {
    home: home.folder,
    pid: process.pid,
    startedAt: sources.startedAt,
    timeScale: sources.timeScale,
    memoryBytes: process.memoryUsage.rss(),
    real: [
      ...real,
      ...sources.dataServers.real,
      ...sources.github.real,
      ...(sources.runsPods ? [runningPods] : []),
      ...fromRecipes(sources.recipes),
    ],
    simulated: [
      ...simulated,
      ...sources.github.simulated,
      ...sources.dataServers.missing,
      ...(sources.runsPods ? leftOut(sources.recipes).map(withoutPrograms) : []),
      sources.runsPods ? otherPods : allPods,
    ],
    clouds: clouds.map(cloud => ({
      name: cloud.name,
      endpoint: `https://127.0.0.1:${home.ports[cloud.name]}`,
      resources: resources.filter(resource => types.get(resource.type) === cloud.name).length,
    })),
    processes: await Promise.all(
      processes.list().map(async ({ name, pid, state, restarts, logFile }) => ({
        name,
        pid: pid ?? null,
        state,
        restarts,
        logFile,
        port: ports.get(name) ?? null,
        memoryBytes: pid === undefined ? null : ((await residentBytes(pid)) ?? null),
      })),
    ),
    clusters: clusters.list().map(({ key, version, endpoint }) => ({
      name: key,
      version,
      endpoint,
      running: clusters.describe(key) !== undefined,
    })),
    building: [...sources.programs.progress()].map(([name, message]) => ({ name, message })),
    faults: sources.faults.list(),
    starting: [...sources.starting].map(([name, part]) => ({ name, ...part })),
  }
}
