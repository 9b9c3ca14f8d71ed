import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, blocks, flag, requiredText, text } from '../attributes.ts'
import {
  abandoned,
  deletionPolicy,
  labelPlan,
  projectOf,
  refuseExisting,
  refuseProtected,
  regionOf,
  relativeName,
  requireResource,
  zonesOf,
} from '../google.ts'
import { requireUsableKey } from './kms.ts'
import { subnetwork } from './network.ts'

export const clusterType = 'google_container_cluster'

/** The sandbox has one cloud project, so a cluster's name is enough to tell its control plane. */
export function controlPlaneKey(name: string): string {
  return `gcp/${name}`
}

/** GKE adds its own patch to a minor version. */
function gkeVersion(minor: string): string {
  return /^\d+\.\d+$/.test(minor) ? `${minor}.4-gke.1094000` : minor
}

export const cluster: Behaviour = {
  type: clusterType,
  source: 'https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters',
  seconds: { create: 420, update: 120, delete: 240 },
  refuses: { create: ['alreadyExists'], delete: ['failedPrecondition'] },
  plan: labelPlan('resource_labels'),
  validate(configured) {
    const name = text(configured, 'name')
    if (name === undefined || /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) return []
    return [
      { path: 'name', message: `"name" (${name}) has at most 40 lower-case letters, digits and hyphens` },
    ]
  },
  async create(planned, scope) {
    const { world } = scope
    const project = projectOf(planned, scope)
    const location = regionOf(planned, scope)
    const name = requiredText(planned, 'name')
    const id = `projects/${project}/locations/${location}/clusters/${name}`
    refuseExisting(world, this.type, id)
    const ranges = secondaryRanges(planned, world)
    const encryption = block(planned, 'database_encryption')
    if (encryption['state'] === 'ENCRYPTED') {
      requireUsableKey(
        world,
        requiredText(encryption, 'key_name'),
        'container-engine-robot.iam.gserviceaccount.com',
      )
    }
    const version = gkeVersion(text(planned, 'min_master_version') ?? '1.35')
    const started = await world.clusters.create(
      controlPlaneKey(name),
      {
        cloud: 'gcp',
        name,
        version: version.split('.').slice(0, 2).join('.'),
        podCidr: ranges.pods,
        serviceCidr: ranges.services,
        // https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity
        issuer: `https://container.googleapis.com/v1/${id}`,
      },
      scope.report,
    )
    const address = started.endpoint.replace(/^https:\/\//, '')
    return {
      ...planned,
      id,
      project,
      location,
      endpoint: address,
      self_link: `https://container.googleapis.com/v1/${id}`,
      master_version: version,
      node_version: version,
      emulated_version: version.split('.').slice(0, 2).join('.'),
      label_fingerprint: 'a9dc16a7',
      operation: '',
      node_locations: zonesOf(location),
      cluster_ipv4_cidr: ranges.pods,
      services_ipv4_cidr: ranges.services,
      tpu_ipv4_cidr_block: '',
      default_max_pods_per_node: planned['default_max_pods_per_node'] ?? 110,
      logging_service: 'logging.googleapis.com/kubernetes',
      monitoring_service: 'monitoring.googleapis.com/kubernetes',
      networking_mode: 'VPC_NATIVE',
      enable_l4_ilb_subsetting: planned['enable_l4_ilb_subsetting'] ?? false,
      private_ipv6_google_access: '',
      autopilot_privileged_admission: [],
      datapath_provider: text(planned, 'datapath_provider') ?? '',
      ip_allocation_policy: [
        {
          ...block(planned, 'ip_allocation_policy'),
          cluster_ipv4_cidr_block: ranges.pods,
          services_ipv4_cidr_block: ranges.services,
        },
      ],
      private_cluster_config: blocks(planned, 'private_cluster_config').map(config => ({
        ...config,
        master_ipv4_cidr_block: '',
        peering_name: '',
        private_endpoint: address,
        public_endpoint: address,
      })),
      master_auth: [
        {
          ...block(planned, 'master_auth'),
          client_certificate: '',
          client_key: '',
          cluster_ca_certificate: Buffer.from(started.caPem).toString('base64'),
        },
      ],
      deletion_policy: deletionPolicy(planned),
    }
  },
  async update(prior, planned) {
    const version = gkeVersion(text(planned, 'min_master_version') ?? requiredText(prior, 'master_version'))
    const before = requiredText(prior, 'master_version')
    if (minorOf(version) > minorOf(before)) {
      throw new CloudError(
        'unsupported',
        `The sandbox cannot upgrade a running control plane from ${before} to ${version}`,
        501,
      )
    }
    return { ...planned, master_version: before }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    refuseProtected(prior, 'deletion_protection', 'cluster')
    const id = requiredText(prior, 'id')
    for (const { type, id: pool, attributes } of world.store.list('google_container_node_pool')) {
      if (attributes['cluster'] === id) world.store.delete(type, pool)
    }
    const pool = text(block(prior, 'workload_identity_config'), 'workload_pool')
    if (pool !== undefined) world.store.putFact('gcp-workload-pools', pool, true)
    await world.clusters.destroy(controlPlaneKey(requiredText(prior, 'name')))
  },
}

function minorOf(version: string): number {
  return Number(version.split('.')[1] ?? 0)
}

function secondaryRanges(
  planned: Attributes,
  world: World,
): { readonly pods: string; readonly services: string } {
  const subnet = requireResource(world, subnetwork.type, relativeName(requiredText(planned, 'subnetwork')))
  const policy = block(planned, 'ip_allocation_policy')
  const range = (attribute: string) => {
    const name = requiredText(policy, attribute)
    const found = blocks(subnet.attributes, 'secondary_ip_range').find(
      candidate => candidate['range_name'] === name,
    )
    if (found !== undefined) return requiredText(found, 'ip_cidr_range')
    throw new CloudError('invalid', `Secondary range "${name}" does not exist in subnetwork "${subnet.id}".`)
  }
  if (flag(planned, 'enable_autopilot'))
    throw new CloudError('unsupported', 'The sandbox has no Autopilot clusters', 501)
  return { pods: range('cluster_secondary_range_name'), services: range('services_secondary_range_name') }
}
