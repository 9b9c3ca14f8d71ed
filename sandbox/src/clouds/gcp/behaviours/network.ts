import { overlap } from '../../../addresses.ts'
import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { blocks, requiredText, text, texts } from '../attributes.ts'
import {
  abandoned,
  computeLinkBase,
  deletionPolicy,
  inUse,
  lastSegment,
  now,
  projectOf,
  refuseExisting,
  regionOf,
  relativeName,
  requireResource,
  stableNumber,
} from '../google.ts'

const namePattern = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/

/** Name rule of every Compute resource (RFC 1035). */
export function validateComputeName(
  configured: Attributes,
): readonly { readonly path: string; readonly message: string }[] {
  const name = text(configured, 'name')
  if (name === undefined || namePattern.test(name)) return []
  return [{ path: 'name', message: `"name" ("${name}") doesn't match regexp "${namePattern.source}"` }]
}

export function networkId(planned: Attributes, scope: BehaviourScope): string {
  const network = relativeName(requiredText(planned, 'network'))
  return network.includes('/') ? network : `projects/${projectOf(planned, scope)}/global/networks/${network}`
}

export const network: Behaviour = {
  type: 'google_compute_network',
  source: 'https://cloud.google.com/compute/docs/reference/rest/v1/networks',
  seconds: { create: 12, update: 10, delete: 25 },
  refuses: { create: ['alreadyExists'], delete: ['resourceInUseByAnotherResource'] },
  validate: validateComputeName,
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const id = `projects/${project}/global/networks/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    const number = stableNumber(id, 19)
    return {
      ...planned,
      id,
      project,
      self_link: `${computeLinkBase}${id}`,
      network_id: number,
      numeric_id: number,
      gateway_ipv4: '',
      mtu: planned['mtu'] ?? 0,
      routing_mode: text(planned, 'routing_mode') ?? 'REGIONAL',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const id = requiredText(prior, 'id')
    const user = userOfNetwork(world, id)
    if (user !== undefined) throw inUse(id, user)
    // Our side of a peering ends with the network; Google's side becomes inactive.
    for (const { type, id: peering, attributes } of world.store.list(
      'google_service_networking_connection',
    )) {
      if (relativeName(requiredText(attributes, 'network')) === id) world.store.delete(type, peering)
    }
  },
}

const networkUsers = [
  'google_compute_subnetwork',
  'google_compute_router',
  'google_compute_firewall',
  'google_compute_global_address',
  'google_container_cluster',
  'google_network_connectivity_service_connection_policy',
]

function userOfNetwork(world: World, id: string): string | undefined {
  const user = networkUsers
    .flatMap(type => world.store.list(type))
    .find(({ attributes }) => relativeName(text(attributes, 'network') ?? '') === id)
  return user?.id
}

export const subnetwork: Behaviour = {
  type: 'google_compute_subnetwork',
  source: 'https://cloud.google.com/compute/docs/reference/rest/v1/subnetworks',
  seconds: { create: 15, update: 15, delete: 15 },
  refuses: { create: ['alreadyExists', 'invalid'], delete: ['resourceInUseByAnotherResource'] },
  validate: validateComputeName,
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const region = regionOf(planned, scope)
    const id = `projects/${project}/regions/${region}/subnetworks/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    requireResource(scope.world, network.type, networkId(planned, scope))
    refuseOverlap(planned, networkId(planned, scope), scope.world)
    return {
      ...planned,
      id,
      project,
      region,
      self_link: `${computeLinkBase}${id}`,
      creation_timestamp: now(),
      fingerprint: '',
      gateway_address: requiredText(planned, 'ip_cidr_range').replace(/\.\d+\/\d+$/, '.1'),
      subnetwork_id: Number(stableNumber(id, 15)),
      purpose: text(planned, 'purpose') ?? 'PRIVATE',
      private_ip_google_access: planned['private_ip_google_access'] ?? false,
      private_ipv6_google_access: text(planned, 'private_ipv6_google_access') ?? 'DISABLE_GOOGLE_ACCESS',
      stack_type: text(planned, 'stack_type') ?? 'IPV4_ONLY',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const id = requiredText(prior, 'id')
    const clusters = world.store.list('google_container_cluster')
    const cluster = clusters.find(
      ({ attributes }) => relativeName(text(attributes, 'subnetwork') ?? '') === id,
    )
    if (cluster !== undefined) throw inUse(id, cluster.id)
    const policies = world.store.list('google_network_connectivity_service_connection_policy')
    const policy = policies.find(({ attributes }) =>
      blocks(attributes, 'psc_config').some(config =>
        texts(config, 'subnetworks').map(relativeName).includes(id),
      ),
    )
    if (policy !== undefined) throw inUse(id, policy.id)
  },
}

function rangesOf(attributes: Attributes): readonly string[] {
  const secondary = blocks(attributes, 'secondary_ip_range')
  return [attributes, ...secondary].flatMap(range => text(range, 'ip_cidr_range') ?? [])
}

function refuseOverlap(planned: Attributes, networkOf: string, world: World): void {
  const own = rangesOf(planned)
  const taken = world.store
    .list(subnetwork.type)
    .filter(({ attributes }) => relativeName(requiredText(attributes, 'network')) === networkOf)
    .flatMap(({ attributes }) => rangesOf(attributes))
  const clash = own.find((range, index) =>
    [...taken, ...own.slice(0, index)].some(other => overlap(range, other)),
  )
  if (clash === undefined) return
  throw new CloudError(
    'invalid',
    `Invalid IPCidrRange: ${clash} conflicts with existing subnetwork in the network`,
  )
}

export const router: Behaviour = {
  type: 'google_compute_router',
  source: 'https://cloud.google.com/compute/docs/reference/rest/v1/routers',
  seconds: { create: 12, update: 12, delete: 12 },
  refuses: { create: ['alreadyExists'], delete: [] },
  validate: validateComputeName,
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const region = regionOf(planned, scope)
    const id = `projects/${project}/regions/${region}/routers/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    requireResource(scope.world, network.type, networkId(planned, scope))
    return {
      ...planned,
      id,
      project,
      region,
      self_link: `${computeLinkBase}${id}`,
      creation_timestamp: now(),
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    // A router takes its NAT gateways with it.
    for (const { type, id, attributes } of world.store.list(routerNat.type)) {
      if (attributes['router'] === prior['name'] && attributes['region'] === prior['region']) {
        world.store.delete(type, id)
      }
    }
  },
}

export const routerNat: Behaviour = {
  type: 'google_compute_router_nat',
  source: 'https://cloud.google.com/compute/docs/reference/rest/v1/routers (nats)',
  seconds: { create: 15, update: 15, delete: 15 },
  refuses: { create: ['alreadyExists'], delete: [] },
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const region = regionOf(planned, scope)
    const routerName = lastSegment(requiredText(planned, 'router'))
    requireResource(scope.world, router.type, `projects/${project}/regions/${region}/routers/${routerName}`)
    const id = `${project}/${region}/${routerName}/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    return {
      ...planned,
      id,
      project,
      region,
      nat_ips: texts(planned, 'nat_ips'),
      drain_nat_ips: texts(planned, 'drain_nat_ips'),
      endpoint_types: ['ENDPOINT_TYPE_VM'],
      auto_network_tier: 'PREMIUM',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  importId: importId => {
    const parts = importId.match(/^(?:projects\/([^/]+)\/regions\/([^/]+)\/routers\/)?([^/]+)\/([^/]+)$/)
    return parts?.[1] === undefined ? importId : parts.slice(1).join('/')
  },
}

export const firewall: Behaviour = {
  type: 'google_compute_firewall',
  source: 'https://cloud.google.com/compute/docs/reference/rest/v1/firewalls',
  seconds: { create: 12, update: 12, delete: 12 },
  refuses: { create: ['alreadyExists'], delete: [] },
  validate: validateComputeName,
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const id = `projects/${project}/global/firewalls/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    requireResource(scope.world, network.type, networkId(planned, scope))
    return {
      ...planned,
      id,
      project,
      self_link: `${computeLinkBase}${id}`,
      creation_timestamp: now(),
      direction: text(planned, 'direction') ?? 'INGRESS',
      destination_ranges: texts(planned, 'destination_ranges'),
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
}
