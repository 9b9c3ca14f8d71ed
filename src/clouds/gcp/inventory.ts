import * as z from 'zod'
import { platformIdKey } from '../../config/names.ts'
import type { CloudResource } from '../cloud.ts'
import { ownBudget } from './budget.ts'
import { findCluster } from './cluster.ts'
import type { GcpPlatform } from './platform.ts'
import type { Service } from './rest.ts'

/** A list method: where, what it calls its items, and what says that one is ours. */
interface Listing {
  readonly type: string
  readonly service: Service
  readonly path: (platform: GcpPlatform) => string
  readonly field: string
  readonly query?: (platform: GcpPlatform) => Readonly<Record<string, string>>
  readonly holdsData?: boolean
  readonly keptBecause?: string
  /** What cannot carry labels is ours by its name. */
  readonly ours?: (item: Item, platform: GcpPlatform) => boolean
}

const item = z.looseObject({
  name: z.string(),
  selfLink: z.string().optional(),
  email: z.string().optional(),
  instance: z.string().optional(),
  type: z.string().optional(),
  network: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  settings: z.looseObject({ userLabels: z.record(z.string(), z.string()).optional() }).optional(),
})
type Item = z.output<typeof item>

const labelled = (found: Item, { platformId }: GcpPlatform) =>
  (found.labels ?? found.settings?.userLabels)?.[platformIdKey.gcp] === platformId

/** The platform's own name, or one below it: `ml-platform-dev-endpoints`, but not `ml-platform-dev2`. */
const namedAfterUs = (found: Item, { names }: GcpPlatform) =>
  found.name === names.base || found.name.startsWith(`${names.base}-`)

/** What controllers in the cluster made: labelled with the cluster, or with nothing and in our network. */
const ofCluster = (found: Item, platform: GcpPlatform) =>
  labelled(found, platform) ||
  namedAfterUs(found, platform) ||
  found.labels?.['goog-k8s-cluster-name'] === platform.names.cluster ||
  found.network?.endsWith(`/networks/${platform.names.base}`) === true

const global = (collection: string) => (p: GcpPlatform) =>
  `/compute/v1/projects/${p.project}/global/${collection}`
const regional = (collection: string) => (p: GcpPlatform) =>
  `/compute/v1/projects/${p.project}/regions/${p.region}/${collection}`
const located = (collection: string) => (p: GcpPlatform) =>
  `/v1/projects/${p.project}/locations/${p.region}/${collection}`

const listings: readonly Listing[] = [
  {
    type: 'google_compute_health_check',
    service: 'compute',
    path: global('healthChecks'),
    field: 'items',
    ours: (found, { platformId }) => found.name === `${platformId}-global-name`,
  },
  {
    type: 'google_sql_database_instance',
    service: 'sqladmin',
    path: p => `/v1/projects/${p.project}/instances`,
    field: 'items',
    holdsData: true,
  },
  {
    type: 'google_sql_final_backup',
    service: 'sqladmin',
    path: p => `/v1/projects/${p.project}/backups`,
    field: 'backups',
    holdsData: true,
    keptBecause: 'the last backup of a deleted database; it expires by itself',
    ours: (found, { names }) => found.type === 'FINAL' && found.instance === names.database,
  },
  { type: 'google_redis_cluster', service: 'redis', path: located('clusters'), field: 'clusters' },
  {
    type: 'google_storage_bucket',
    service: 'storage',
    path: () => '/storage/v1/b',
    query: ({ project }) => ({ project }),
    field: 'items',
    holdsData: true,
  },
  {
    type: 'google_artifact_registry_repository',
    service: 'artifactregistry',
    path: located('repositories'),
    field: 'repositories',
    holdsData: true,
  },
  {
    type: 'google_network_connectivity_service_connection_policy',
    service: 'networkconnectivity',
    path: located('serviceConnectionPolicies'),
    field: 'serviceConnectionPolicies',
  },
  {
    type: 'google_compute_forwarding_rule',
    service: 'compute',
    path: regional('forwardingRules'),
    field: 'items',
    ours: ofCluster,
  },
  {
    type: 'google_compute_address',
    service: 'compute',
    path: regional('addresses'),
    field: 'items',
    ours: ofCluster,
  },
  { type: 'google_compute_global_address', service: 'compute', path: global('addresses'), field: 'items' },
  {
    type: 'google_compute_firewall',
    service: 'compute',
    path: global('firewalls'),
    field: 'items',
    ours: namedAfterUs,
  },
  {
    type: 'google_compute_router',
    service: 'compute',
    path: regional('routers'),
    field: 'items',
    ours: namedAfterUs,
  },
  {
    type: 'google_compute_subnetwork',
    service: 'compute',
    path: regional('subnetworks'),
    field: 'items',
    ours: namedAfterUs,
  },
  {
    type: 'google_compute_network',
    service: 'compute',
    path: global('networks'),
    field: 'items',
    ours: namedAfterUs,
  },
  {
    type: 'google_service_account',
    service: 'iam',
    path: p => `/v1/projects/${p.project}/serviceAccounts`,
    field: 'accounts',
    ours: (found, { names }) =>
      Object.values<string>(names.serviceAccounts).some(id => found.email?.startsWith(`${id}@`)),
  },
  {
    type: 'google_iam_workload_identity_pool',
    service: 'iam',
    path: p => `/v1/projects/${p.project}/locations/global/workloadIdentityPools`,
    field: 'workloadIdentityPools',
    // Google keeps a deleted one for 30 days, and lists it only when asked for deleted ones.
    ours: (found, { names }) =>
      [names.identityPool, names.peerPool].some(pool =>
        found.name.endsWith(`/workloadIdentityPools/${pool}`),
      ),
  },
  {
    type: 'google_kms_crypto_key',
    service: 'cloudkms',
    path: p => `/v1/projects/${p.project}/locations/${p.region}/keyRings/${p.names.kmsKeyRing}/cryptoKeys`,
    field: 'cryptoKeys',
    holdsData: true,
    keptBecause:
      'Google Cloud never deletes keys, and backups need theirs; taken over when the platform comes back',
  },
  {
    type: 'google_kms_key_ring',
    service: 'cloudkms',
    path: located('keyRings'),
    field: 'keyRings',
    holdsData: true,
    keptBecause: 'Google Cloud never deletes key rings; taken over when the platform comes back',
    ours: (found, { names }) => found.name.endsWith(`/keyRings/${names.kmsKeyRing}`),
  },
]

/** Everything ours, from each service's own list and no state file. mlp's state bucket is among it. */
export async function* inventory(platform: GcpPlatform, signal: AbortSignal): AsyncGenerator<CloudResource> {
  yield* clusterInventory(platform, signal)
  yield* ownBudget(platform, signal)
  for (const { type, service, path, field, query, holdsData, keptBecause, ours } of listings) {
    const request = {
      service,
      path: path(platform),
      field,
      item,
      ...(query === undefined ? {} : { query: query(platform) }),
    }
    for await (const found of platform.rest.list(request, signal)) {
      if (!(ours ?? labelled)(found, platform)) continue
      const isStateBucket = type === 'google_storage_bucket' && found.name === platform.names.stateBucket
      const reason = isStateBucket ? "terraform's state and mlp's record" : keptBecause
      yield {
        type,
        id: type === 'google_storage_bucket' ? found.name : (found.selfLink ?? found.name),
        name: found.email ?? found.name.slice(found.name.lastIndexOf('/') + 1),
        holdsData: holdsData ?? false,
        ...(reason === undefined ? {} : { keptBecause: reason }),
      }
    }
  }
}

async function* clusterInventory(platform: GcpPlatform, signal: AbortSignal): AsyncGenerator<CloudResource> {
  const { names, project, region, platformId } = platform
  const cluster = await findCluster(platform, names.cluster, signal)
  if (cluster === undefined || cluster.resourceLabels[platformIdKey.gcp] !== platformId) return
  const id = `projects/${project}/locations/${region}/clusters/${cluster.name}`
  for (const pool of cluster.nodePools) {
    yield {
      type: 'google_container_node_pool',
      id: `${id}/nodePools/${pool.name}`,
      name: pool.name,
      holdsData: false,
    }
  }
  yield { type: 'google_container_cluster', id, name: cluster.name, holdsData: false }
}
