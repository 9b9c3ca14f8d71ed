import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { NodeSpec, World } from '../../../world.ts'
import { block, blocks, flag, integer, requiredText, text, textMap } from '../attributes.ts'
import {
  abandoned,
  deletionPolicy,
  lastSegment,
  projectOf,
  refuseExisting,
  requireResource,
  stableNumber,
  zonesOf,
} from '../google.ts'
import { machineType } from '../machine-types.ts'
import { clusterType, controlPlaneKey } from './container.ts'

export const nodePool: Behaviour = {
  type: 'google_container_node_pool',
  source:
    'https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools',
  seconds: { create: 120, update: 120, delete: 120 },
  refuses: { create: ['alreadyExists'], delete: [] },
  validate(configured) {
    const scaling = block(configured, 'autoscaling')
    const perZone = scaling['min_node_count'] != null || scaling['max_node_count'] != null
    const total = scaling['total_min_node_count'] != null || scaling['total_max_node_count'] != null
    if (!perZone || !total) return []
    return [{ path: 'autoscaling', message: 'min_node_count and total_min_node_count exclude each other' }]
  },
  async create(planned, scope) {
    const { world } = scope
    const cluster = requireResource(world, clusterType, clusterIdOf(planned))
    const name = text(planned, 'name') ?? 'default-pool'
    if (!/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) {
      throw new CloudError('invalid', `Invalid node pool name: ${name}`)
    }
    const id = `${cluster.id}/nodePools/${name}`
    refuseExisting(world, this.type, id)
    const location = requiredText(cluster.attributes, 'location')
    const config = block(planned, 'node_config')
    if (machineType(text(config, 'machine_type') ?? 'e2-medium') === undefined) {
      throw new CloudError(
        'badRequest',
        `Machine type with name '${text(config, 'machine_type')}' does not exist in zone '${location}-a'.`,
      )
    }
    const account = text(config, 'service_account')
    if (account !== undefined && account !== 'default') {
      const email = account
      requireResource(
        world,
        'google_service_account',
        `projects/${projectOf(planned, scope)}/serviceAccounts/${email}`,
      )
    }
    const count =
      integer(planned, 'node_count') ?? integer(planned, 'initial_node_count') ?? leastNodes(planned)
    const made: Attributes = {
      ...planned,
      id,
      name,
      name_prefix: '',
      project: projectOf(planned, scope),
      location,
      initial_node_count: planned['initial_node_count'] ?? Math.ceil(count / zonesOf(location).length),
      node_count: Math.ceil(count / zonesOf(location).length),
      node_locations: zonesOf(location),
      version: cluster.attributes['master_version'],
      max_pods_per_node: planned['max_pods_per_node'] ?? 110,
      operation: '',
      ...groupUrls(id, location, scope.world.secrets.gcpProjectId),
      node_config: [{ ...config, ...configDefaults(config) }],
      deletion_policy: deletionPolicy(planned),
    }
    await placeNodes(made, count, world)
    return made
  },
  async update(prior, planned, { world }) {
    const least = leastNodes(planned)
    const most = integer(block(planned, 'autoscaling'), 'total_max_node_count') ?? least
    const count = Math.min(Math.max(leastNodes(prior), least), most)
    const config = block(planned, 'node_config')
    const changed = { ...planned, node_config: [{ ...config, ...configDefaults(config) }] }
    await placeNodes(changed, count, world)
    return changed
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const cluster = world.store.get(clusterType, clusterIdOf(prior))
    if (cluster !== undefined) {
      await world.clusters.setNodes(
        controlPlaneKey(requiredText(cluster.attributes, 'name')),
        requiredText(prior, 'name'),
        [],
      )
    }
  },
  importId: importId =>
    importId.includes('/nodePools/')
      ? importId
      : importId.replace(
          /^([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/,
          'projects/$1/locations/$2/clusters/$3/nodePools/$4',
        ),
}

function clusterIdOf(pool: Attributes): string {
  return requiredText(pool, 'cluster')
}

function leastNodes(pool: Attributes): number {
  const scaling = block(pool, 'autoscaling')
  return integer(scaling, 'total_min_node_count') ?? (integer(scaling, 'min_node_count') ?? 1) * 3
}

function groupUrls(id: string, location: string, project: string): Attributes {
  const urls = zonesOf(location).map(
    zone =>
      `https://www.googleapis.com/compute/v1/projects/${project}/zones/${zone}/instanceGroupManagers/gke-${stableNumber(id, 8)}-grp`,
  )
  return {
    instance_group_urls: urls,
    managed_instance_group_urls: urls.map(url => url.replace('instanceGroupManagers', 'instanceGroups')),
  }
}

function configDefaults(config: Attributes): Attributes {
  return {
    machine_type: text(config, 'machine_type') ?? 'e2-medium',
    disk_size_gb: config['disk_size_gb'] ?? 100,
    disk_type: text(config, 'disk_type') ?? 'pd-balanced',
    image_type: text(config, 'image_type') ?? 'COS_CONTAINERD',
    local_ssd_count: config['local_ssd_count'] ?? 0,
    logging_variant: text(config, 'logging_variant') ?? 'DEFAULT',
    min_cpu_platform: text(config, 'min_cpu_platform') ?? '',
    gpudirect_strategy: '',
    effective_taints: blocks(config, 'taint').map(({ key, value, effect }) => ({ key, value, effect })),
  }
}

async function placeNodes(pool: Attributes, count: number, world: World): Promise<void> {
  const cluster = lastSegment(clusterIdOf(pool))
  const nodes = Array.from({ length: count }, (_, index) => nodeOf(pool, cluster, index, world))
  await world.clusters.setNodes(controlPlaneKey(cluster), requiredText(pool, 'name'), nodes)
}

/** Labels, taints and capacity as GKE gives them: https://cloud.google.com/kubernetes-engine/docs/concepts/node-pools */
function nodeOf(pool: Attributes, cluster: string, index: number, world: World): NodeSpec {
  const location = requiredText(pool, 'location')
  const zones = zonesOf(location)
  const zone = zones[index % zones.length] ?? `${location}-a`
  const poolName = requiredText(pool, 'name')
  const config = block(pool, 'node_config')
  const type = text(config, 'machine_type') ?? 'e2-medium'
  const machine = machineType(type) ?? { cpus: 2, memoryGb: 4 }
  const gpu = block(config, 'guest_accelerator')
  const gpus = integer(gpu, 'count') ?? 0
  const name = `gke-${cluster}-${poolName}-${stableNumber(`${cluster}/${poolName}`, 8)}-${stableNumber(`${poolName}/${index}`, 4)}${index}`
  return {
    name,
    providerId: `gce://${world.secrets.gcpProjectId}/${zone}/${name}`,
    labels: {
      ...textMap(config, 'labels'),
      'cloud.google.com/gke-nodepool': poolName,
      'cloud.google.com/machine-family': type.split('-')[0] ?? '',
      'node.kubernetes.io/instance-type': type,
      'topology.kubernetes.io/region': location,
      'topology.kubernetes.io/zone': zone,
      'topology.gke.io/zone': zone,
      'iam.gke.io/gke-metadata-server-enabled': 'true',
      ...(flag(config, 'spot')
        ? { 'cloud.google.com/gke-spot': 'true', 'cloud.google.com/gke-provisioning': 'spot' }
        : {}),
      ...(gpus > 0 ? { 'cloud.google.com/gke-accelerator': requiredText(gpu, 'type') } : {}),
    },
    taints: blocks(config, 'taint').map(taint => ({
      key: requiredText(taint, 'key'),
      value: text(taint, 'value') ?? '',
      effect: kubernetesEffects[requiredText(taint, 'effect')] ?? 'NoSchedule',
    })),
    capacity: {
      cpu: String(machine.cpus),
      memory: `${machine.memoryGb}Gi`,
      pods: '110',
      'ephemeral-storage': `${integer(config, 'disk_size_gb') ?? 100}Gi`,
      ...(gpus > 0 ? { 'nvidia.com/gpu': String(gpus) } : {}),
    },
  }
}

const kubernetesEffects: Readonly<Record<string, string>> = {
  NO_SCHEDULE: 'NoSchedule',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
  NO_EXECUTE: 'NoExecute',
}
