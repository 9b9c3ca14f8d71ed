import { quotaLimit } from '../../../quotas.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, flag, integer, requiredText, text, texts } from '../attributes.ts'
import { computeLinkBase, lastSegment, requireProject, zonesOf } from '../google.ts'
import { type MachineType, machineType } from '../machine-types.ts'
import { notFound, type Route } from './routing.ts'

interface Machine extends MachineType {
  readonly type: string
  readonly cluster: string
  readonly zone: string
  readonly spot: boolean
  readonly diskGb: number
  readonly gpus: number
}

/*
 * Google publishes no defaults: "Not all projects have the same quotas" (https://cloud.google.com/compute/resource-usage).
 * These are round figures of a project that has been in use for some time.
 */
const ofProject: Readonly<Record<string, number>> = {
  NETWORKS: 15,
  ROUTERS: 20,
  CPUS_ALL_REGIONS: 512,
  GPUS_ALL_REGIONS: 8,
}
const ofRegion: Readonly<Record<string, number>> = {
  CPUS: 200,
  N2_CPUS: 200,
  C3_CPUS: 200,
  PREEMPTIBLE_CPUS: 0,
  SSD_TOTAL_GB: 40_960,
  NVIDIA_L4_GPUS: 8,
  PREEMPTIBLE_NVIDIA_L4_GPUS: 8,
}

/** https://cloud.google.com/compute/docs/reference/rest/v1/regions/get and its neighbours */
export const quotaRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/compute/v1/projects/{project}',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      const machines = machinesOf(world)
      const used: Readonly<Record<string, number>> = {
        NETWORKS: world.store.list('google_compute_network').length,
        ROUTERS: world.store.list('google_compute_router').length,
        CPUS_ALL_REGIONS: sum(machines, ({ cpus }) => cpus),
        GPUS_ALL_REGIONS: sum(machines, ({ gpus }) => gpus),
      }
      return { kind: 'compute#project', name: params['project'], quotas: quotas(world, ofProject, used) }
    },
  },
  {
    method: 'GET',
    path: '/compute/v1/projects/{project}/regions/{region}',
    run({ params: { project = '', region = '' }, world }) {
      requireProject(project, world)
      const machines = machinesOf(world).filter(({ zone }) => zone.startsWith(`${region}-`))
      const zones = zonesOf(region).map(zone => `${computeLinkBase}projects/${project}/zones/${zone}`)
      return {
        kind: 'compute#region',
        name: region,
        status: 'UP',
        zones,
        quotas: quotas(world, ofRegion, usedBy(machines)),
      }
    },
  },
  {
    method: 'GET',
    path: '/compute/v1/projects/{project}/zones/{zone}/machineTypes/{type}',
    run({ params: { project = '', zone = '', type = '' }, world }) {
      requireProject(project, world)
      const found = machineType(type)
      if (found === undefined)
        throw notFound(`The resource 'projects/${project}/zones/${zone}/machineTypes/${type}'`)
      // A G2 machine brings one L4 for each 12 CPUs, but one for its small sizes.
      const gpus = type.startsWith('g2-') ? Math.max(1, Math.floor(found.cpus / 12)) : 0
      return {
        kind: 'compute#machineType',
        name: type,
        zone,
        guestCpus: found.cpus,
        memoryMb: found.memoryGb * 1024,
        ...(gpus === 0
          ? {}
          : { accelerators: [{ guestAcceleratorType: 'nvidia-l4', guestAcceleratorCount: gpus }] }),
      }
    },
  },
  {
    method: 'GET',
    path: '/compute/v1/projects/{project}/aggregated/instances',
    run({ params: { project = '' }, query, world }) {
      requireProject(project, world)
      const cluster = /^labels\.goog-k8s-cluster-name=(.+)$/.exec(query.get('filter') ?? '')?.[1]
      const machines = machinesOf(world).filter(one => cluster === undefined || one.cluster === cluster)
      const scopes = [...Map.groupBy(machines, ({ zone }) => zone)].map(([zone, inside]) => [
        `zones/${zone}`,
        { instances: inside.map(machine => instance(machine, project)) },
      ])
      return { kind: 'compute#instanceAggregatedList', items: Object.fromEntries(scopes) }
    },
  },
]

function instance({ type, cluster, zone, spot }: Machine, project: string): object {
  return {
    machineType: `${computeLinkBase}projects/${project}/zones/${zone}/machineTypes/${type}`,
    status: 'RUNNING',
    labels: { 'goog-k8s-cluster-name': cluster },
    scheduling: { provisioningModel: spot ? 'SPOT' : 'STANDARD' },
  }
}

function quotas(
  world: World,
  limits: Readonly<Record<string, number>>,
  used: Readonly<Record<string, number>>,
): readonly object[] {
  return Object.entries(limits).map(([metric, limit]) => ({
    metric,
    limit: quotaLimit(world.store, `gcp/${metric}`, limit),
    usage: used[metric] ?? 0,
  }))
}

function usedBy(machines: readonly Machine[]): Readonly<Record<string, number>> {
  const used: Record<string, number> = { SSD_TOTAL_GB: sum(machines, ({ diskGb }) => diskGb) }
  for (const { type, cpus, gpus, spot } of machines) {
    const family = `${type.split('-')[0]?.toUpperCase()}_CPUS`
    const metric = family in ofRegion ? family : 'CPUS'
    used[metric] = (used[metric] ?? 0) + cpus
    const gpuMetric = spot ? 'PREEMPTIBLE_NVIDIA_L4_GPUS' : 'NVIDIA_L4_GPUS'
    used[gpuMetric] = (used[gpuMetric] ?? 0) + gpus
  }
  return used
}

/** The nodes of every pool, one a machine. */
function machinesOf(world: World): readonly Machine[] {
  return world.store.list('google_container_node_pool').flatMap(({ attributes }) => {
    const config = block(attributes, 'node_config')
    const type = text(config, 'machine_type') ?? 'e2-medium'
    const zones = texts(attributes, 'node_locations')
    return Array.from({ length: nodeCount(attributes, zones.length) }, (_, index) => ({
      ...(machineType(type) ?? { cpus: 2, memoryGb: 4 }),
      type,
      cluster: lastSegment(requiredText(attributes, 'cluster')),
      zone: zones[index % zones.length] ?? '',
      spot: flag(config, 'spot'),
      diskGb: integer(config, 'disk_size_gb') ?? 100,
      gpus: integer(block(config, 'guest_accelerator'), 'count') ?? 0,
    }))
  })
}

function nodeCount(pool: Attributes, zones: number): number {
  const total = integer(block(pool, 'autoscaling'), 'total_min_node_count')
  return total ?? (integer(pool, 'node_count') ?? 0) * zones
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}
