import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { block, requiredText, text, texts } from '../attributes.ts'
import {
  abandoned,
  computeLinkBase,
  deletionPolicy,
  inUse,
  labelPlan,
  now,
  projectOf,
  refuseExisting,
  regionOf,
  relativeName,
  requireResource,
} from '../google.ts'
import { network, networkId, subnetwork, validateComputeName } from './network.ts'

export const globalAddress: Behaviour = {
  type: 'google_compute_global_address',
  source: 'https://cloud.google.com/compute/docs/reference/rest/v1/globalAddresses',
  seconds: { create: 10, update: 10, delete: 10 },
  refuses: { create: ['alreadyExists'], delete: [] },
  validate: validateComputeName,
  plan: labelPlan(),
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const id = `projects/${project}/global/addresses/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    if (text(planned, 'network') !== undefined) {
      requireResource(scope.world, network.type, networkId(planned, scope))
    }
    return {
      ...planned,
      id,
      project,
      address: text(planned, 'address') ?? '10.192.0.0',
      prefix_length: planned['prefix_length'] ?? 16,
      self_link: `${computeLinkBase}${id}`,
      creation_timestamp: now(),
      label_fingerprint: '',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
}

/** Google keeps the network of a deleted database for up to four days. */
const producerLingersMs = 4 * 24 * 60 * 60 * 1000
export const deletedDatabasesFact = 'gcp-deleted-databases'

export const serviceNetworkingConnection: Behaviour = {
  type: 'google_service_networking_connection',
  source:
    'https://cloud.google.com/service-infrastructure/docs/service-networking/reference/rest/v1/services.connections, https://cloud.google.com/vpc/docs/configure-private-services-access and https://cloud.google.com/sql/docs/postgres/delete-instance',
  seconds: { create: 45, update: 30, delete: 20 },
  refuses: { create: ['failedPrecondition'], delete: ['failedPrecondition'] },
  async create(planned, scope) {
    const networkName = networkId(planned, scope)
    requireResource(scope.world, network.type, networkName)
    const project = projectOf(planned, scope)
    for (const range of texts(planned, 'reserved_peering_ranges')) {
      requireResource(scope.world, globalAddress.type, `projects/${project}/global/addresses/${range}`)
    }
    const id = connectionId(networkName, requiredText(planned, 'service'))
    if (scope.world.store.get(this.type, id) !== undefined) {
      throw new CloudError(
        'failedPrecondition',
        'Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.',
      )
    }
    return {
      ...planned,
      id,
      peering: 'servicenetworking-googleapis-com',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const networkName = relativeName(requiredText(prior, 'network'))
    if (!producersRemain(world, networkName)) return
    throw new CloudError(
      'failedPrecondition',
      `Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using this connection.`,
    )
  },
  importId: importId => {
    const [networkName = '', service = ''] = decodeURIComponent(importId).split(':')
    return connectionId(relativeName(networkName), service)
  },
}

function connectionId(networkName: string, service: string): string {
  return `${encodeURIComponent(networkName)}:${service}`
}

function producersRemain(world: World, networkName: string): boolean {
  const databases = world.store.list('google_sql_database_instance')
  const living = databases.some(({ attributes }) => {
    const configuration = block(block(attributes, 'settings'), 'ip_configuration')
    return relativeName(text(configuration, 'private_network') ?? '') === networkName
  })
  const deletedAt = world.store.getFact(deletedDatabasesFact, networkName)
  return living || (typeof deletedAt === 'number' && Date.now() - deletedAt < producerLingersMs)
}

export const serviceConnectionPolicy: Behaviour = {
  type: 'google_network_connectivity_service_connection_policy',
  source:
    'https://cloud.google.com/network-connectivity/docs/reference/networkconnectivity/rest/v1/projects.locations.serviceConnectionPolicies',
  seconds: { create: 20, update: 15, delete: 20 },
  refuses: { create: ['alreadyExists'], delete: ['resourceInUseByAnotherResource'] },
  plan: labelPlan(),
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const region = regionOf(planned, scope)
    const id = `projects/${project}/locations/${region}/serviceConnectionPolicies/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    const networkName = networkId(planned, scope)
    requireResource(scope.world, network.type, networkName)
    for (const link of texts(block(planned, 'psc_config'), 'subnetworks')) {
      requireResource(scope.world, subnetwork.type, relativeName(link))
    }
    const rival = scope.world.store
      .list(this.type)
      .find(
        ({ attributes }) =>
          attributes['service_class'] === planned['service_class'] &&
          attributes['location'] === region &&
          relativeName(requiredText(attributes, 'network')) === networkName,
      )
    if (rival !== undefined) {
      throw new CloudError(
        'alreadyExists',
        `Only one service connection policy is allowed for each network, region and service class: ${rival.id}`,
        409,
      )
    }
    return {
      ...planned,
      id,
      project,
      create_time: now(),
      update_time: now(),
      etag: '',
      infrastructure: 'PSC',
      psc_connections: [],
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const networkName = relativeName(requiredText(prior, 'network'))
    const user = world.store
      .list('google_redis_cluster')
      .find(
        ({ attributes }) =>
          attributes['region'] === prior['location'] &&
          relativeName(text(block(attributes, 'psc_configs'), 'network') ?? '') === networkName,
      )
    if (user !== undefined) throw inUse(requiredText(prior, 'id'), user.id)
  },
}
