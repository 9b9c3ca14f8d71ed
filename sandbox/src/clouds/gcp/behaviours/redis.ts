import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, blocks, flag, integer, requiredText, text, texts } from '../attributes.ts'
import {
  abandoned,
  addressIn,
  deletionPolicy,
  labelPlan,
  lastSegment,
  now,
  projectNumber,
  projectOf,
  refuseExisting,
  regionOf,
  relativeName,
  requireResource,
  stableNumber,
} from '../google.ts'
import { subnetwork } from './network.ts'
import { serviceConnectionPolicy } from './private-services.ts'

/** GB a shard: https://cloud.google.com/memorystore/docs/cluster/cluster-node-specification */
const nodeSizes: Readonly<Record<string, number>> = {
  REDIS_SHARED_CORE_NANO: 1.4,
  REDIS_STANDARD_SMALL: 6.5,
  REDIS_HIGHMEM_MEDIUM: 13,
  REDIS_HIGHMEM_XLARGE: 58,
}

export const redisCluster: Behaviour = {
  type: 'google_redis_cluster',
  source:
    'https://cloud.google.com/memorystore/docs/cluster/reference/rest/v1/projects.locations.clusters and …/cluster/cluster-node-specification',
  seconds: { create: 420, update: 300, delete: 300 },
  refuses: { create: ['alreadyExists'], delete: ['failedPrecondition'] },
  plan: labelPlan(),
  async create(planned, scope) {
    const { world } = scope
    const project = projectOf(planned, scope)
    const region = regionOf(planned, scope)
    const name = requiredText(planned, 'name')
    if (!/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
      throw new CloudError('invalid', `Invalid cluster id: ${name}`)
    }
    const id = `projects/${project}/locations/${region}/clusters/${name}`
    refuseExisting(world, this.type, id)
    const size = checkSize(planned)
    const networks = blocks(planned, 'psc_configs').map(config =>
      relativeName(requiredText(config, 'network')),
    )
    const endpoints = networks.map(network => ({
      network,
      address: endpointAddress(network, region, name, world),
    }))
    return {
      ...planned,
      id,
      project,
      region,
      uid: stableNumber(id, 16),
      state: 'ACTIVE',
      create_time: now(),
      node_type: text(planned, 'node_type') ?? 'REDIS_HIGHMEM_MEDIUM',
      replica_count: planned['replica_count'] ?? 0,
      size_gb: Math.ceil(size * (integer(planned, 'shard_count') ?? 1)),
      precise_size_gb: size * (integer(planned, 'shard_count') ?? 1),
      server_ca_mode: text(planned, 'server_ca_mode') ?? 'GOOGLE_MANAGED_PER_INSTANCE_CA',
      backup_collection: '',
      available_maintenance_versions: [],
      effective_maintenance_version: '',
      maintenance_schedule: [],
      is_acl_policy_in_sync: true,
      state_info: [],
      discovery_endpoints: endpoints.map(({ address, network }) => ({
        address,
        port: 6379,
        psc_config: [{ network }],
      })),
      psc_connections: endpoints.map(({ address, network }) => ({
        address,
        network,
        project_id: project,
        psc_connection_id: stableNumber(id, 17),
        forwarding_rule: `https://www.googleapis.com/compute/v1/projects/${project}/regions/${region}/forwardingRules/sca-auto-fr-${stableNumber(id, 10)}`,
      })),
      psc_service_attachments: [
        {
          connection_type: 'CONNECTION_TYPE_DISCOVERY',
          service_attachment: `projects/${projectNumber(world)}/regions/${region}/serviceAttachments/gcp-memorystore-auto-${stableNumber(id, 8)}-psc-sa`,
        },
      ],
      managed_server_ca: [{ ca_certs: [{ certificates: [world.caPem] }] }],
      maintenance_policy: blocks(planned, 'maintenance_policy').map(policy => ({
        ...policy,
        create_time: now(),
        update_time: now(),
        weekly_maintenance_window: blocks(policy, 'weekly_maintenance_window').map(window => ({
          ...window,
          duration: '3600s',
        })),
      })),
      zone_distribution_config: blocks(planned, 'zone_distribution_config').map(config => ({
        ...config,
        mode: text(config, 'mode') ?? 'MULTI_ZONE',
      })),
      deletion_policy: deletionPolicy(planned),
    }
  },
  async update(_prior, planned) {
    const size = checkSize(planned) * (integer(planned, 'shard_count') ?? 1)
    return { ...planned, size_gb: Math.ceil(size), precise_size_gb: size }
  },
  outlives: abandoned,
  async remove(prior) {
    if (!flag(prior, 'deletion_protection_enabled')) return
    throw new CloudError(
      'failedPrecondition',
      `Cluster ${lastSegment(requiredText(prior, 'id'))} has deletion protection enabled. cannot destroy redis cluster without setting deletion_protection_enabled=false`,
    )
  },
}

function checkSize(planned: Attributes): number {
  const type = text(planned, 'node_type') ?? 'REDIS_HIGHMEM_MEDIUM'
  const size = nodeSizes[type]
  if (size === undefined) throw new CloudError('invalid', `Invalid node type: ${type}`)
  const shards = integer(planned, 'shard_count') ?? 0
  if (shards < 1 || shards > 250)
    throw new CloudError('invalid', `shard_count must be between 1 and 250, not ${shards}`)
  if ((integer(planned, 'replica_count') ?? 0) > 5)
    throw new CloudError('invalid', 'replica_count is at most 5')
  return size
}

/** Memorystore puts its endpoint where the network's service connection policy lets it. */
function endpointAddress(network: string, region: string, name: string, world: World): string {
  requireResource(world, 'google_compute_network', network)
  const policy = world.store
    .list(serviceConnectionPolicy.type)
    .find(
      ({ attributes }) =>
        attributes['service_class'] === 'gcp-memorystore-redis' &&
        attributes['location'] === region &&
        relativeName(requiredText(attributes, 'network')) === network,
    )
  if (policy === undefined) {
    throw new CloudError(
      'failedPrecondition',
      `No service connection policy for service class gcp-memorystore-redis in region ${region} of network ${network}.`,
    )
  }
  const [link = ''] = texts(block(policy.attributes, 'psc_config'), 'subnetworks')
  const subnet = requireResource(world, subnetwork.type, relativeName(link))
  return addressIn(requiredText(subnet.attributes, 'ip_cidr_range'), name)
}
