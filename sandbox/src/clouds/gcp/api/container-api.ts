import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, blocks, flag, integer, requiredText, text, textMap, texts } from '../attributes.ts'
import { clusterType } from '../behaviours/container.ts'
import { lastSegment, requireProject } from '../google.ts'
import { inLocation, readRoutes } from './resource-api.ts'
import type { Route } from './routing.ts'

const clusterPath = '/v1/projects/{project}/locations/{location}/clusters'

/** https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1 */
export const containerRoutes: readonly Route[] = [
  ...readRoutes({
    type: clusterType,
    item: `${clusterPath}/{name}`,
    list: clusterPath,
    listField: 'clusters',
    id: ({ project, location, name }) => `projects/${project}/locations/${location}/clusters/${name}`,
    below: inLocation('location'),
    project: ({ attributes, createdAt }, { world }) => clusterOf(attributes, createdAt, world),
  }),
  ...readRoutes({
    type: 'google_container_node_pool',
    item: `${clusterPath}/{cluster}/nodePools/{name}`,
    list: `${clusterPath}/{cluster}/nodePools`,
    listField: 'nodePools',
    id: ({ project, location, cluster, name }) =>
      `projects/${project}/locations/${location}/clusters/${cluster}/nodePools/${name}`,
    below: (attributes, { cluster }) => lastSegment(requiredText(attributes, 'cluster')) === cluster,
    project: ({ attributes }) => nodePoolOf(attributes),
  }),
  {
    method: 'GET',
    path: '/v1/projects/{project}/locations/{location}/operations',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      return { operations: [] }
    },
  },
  {
    method: 'GET',
    path: '/v1/projects/{project}/locations/{location}/serverConfig',
    run: () => ({
      defaultClusterVersion: '1.35.4-gke.1094000',
      validMasterVersions: ['1.35.4-gke.1094000'],
      validNodeVersions: ['1.35.4-gke.1094000'],
    }),
  },
]

function clusterOf(attributes: Attributes, createdAt: string, world: World): object {
  const id = requiredText(attributes, 'id')
  const pools = world.store
    .list('google_container_node_pool')
    .filter(pool => pool.attributes['cluster'] === id)
  const auth = block(attributes, 'master_auth')
  const encryption = block(attributes, 'database_encryption')
  const policy = block(attributes, 'ip_allocation_policy')
  const endpoint = requiredText(attributes, 'endpoint')
  return {
    name: requiredText(attributes, 'name'),
    description: text(attributes, 'description') ?? '',
    location: attributes['location'],
    locations: texts(attributes, 'node_locations'),
    zone: attributes['location'],
    status: 'RUNNING',
    endpoint,
    selfLink: attributes['self_link'],
    createTime: createdAt,
    initialClusterVersion: attributes['master_version'],
    currentMasterVersion: attributes['master_version'],
    currentNodeVersion: attributes['node_version'],
    currentNodeCount: pools.reduce((sum, pool) => sum + nodeCountOf(pool.attributes), 0),
    network: lastSegment(text(attributes, 'network') ?? ''),
    subnetwork: lastSegment(text(attributes, 'subnetwork') ?? ''),
    clusterIpv4Cidr: attributes['cluster_ipv4_cidr'],
    servicesIpv4Cidr: attributes['services_ipv4_cidr'],
    resourceLabels: textMap(attributes, 'effective_labels'),
    labelFingerprint: attributes['label_fingerprint'],
    masterAuth: { clusterCaCertificate: auth['cluster_ca_certificate'] },
    databaseEncryption: { state: encryption['state'] ?? 'DECRYPTED', keyName: encryption['key_name'] ?? '' },
    ipAllocationPolicy: {
      useIpAliases: true,
      clusterIpv4CidrBlock: policy['cluster_ipv4_cidr_block'],
      servicesIpv4CidrBlock: policy['services_ipv4_cidr_block'],
      clusterSecondaryRangeName: policy['cluster_secondary_range_name'],
      servicesSecondaryRangeName: policy['services_secondary_range_name'],
    },
    privateClusterConfig: {
      enablePrivateNodes: flag(block(attributes, 'private_cluster_config'), 'enable_private_nodes'),
      publicEndpoint: endpoint,
      privateEndpoint: endpoint,
    },
    networkConfig: { datapathProvider: attributes['datapath_provider'] },
    shieldedNodes: { enabled: flag(attributes, 'enable_shielded_nodes') },
    releaseChannel: { channel: block(attributes, 'release_channel')['channel'] ?? 'UNSPECIFIED' },
    workloadIdentityConfig: {
      workloadPool: block(attributes, 'workload_identity_config')['workload_pool'] ?? '',
    },
    loggingConfig: {
      componentConfig: { enableComponents: texts(block(attributes, 'logging_config'), 'enable_components') },
    },
    nodePools: pools.map(pool => nodePoolOf(pool.attributes)),
  }
}

/** terraform's `node_count` is by zone. */
function nodeCountOf(pool: Attributes): number {
  return (integer(pool, 'node_count') ?? 0) * texts(pool, 'node_locations').length
}

function nodePoolOf(attributes: Attributes) {
  const config = block(attributes, 'node_config')
  const scaling = block(attributes, 'autoscaling')
  return {
    name: requiredText(attributes, 'name'),
    status: 'RUNNING',
    version: attributes['version'],
    initialNodeCount: integer(attributes, 'initial_node_count') ?? 0,
    locations: texts(attributes, 'node_locations'),
    selfLink: `https://container.googleapis.com/v1/${requiredText(attributes, 'id')}`,
    instanceGroupUrls: texts(attributes, 'instance_group_urls'),
    config: {
      machineType: config['machine_type'],
      diskSizeGb: integer(config, 'disk_size_gb'),
      diskType: config['disk_type'],
      imageType: config['image_type'],
      serviceAccount: config['service_account'],
      oauthScopes: texts(config, 'oauth_scopes'),
      labels: textMap(config, 'labels'),
      resourceLabels: textMap(config, 'resource_labels'),
      spot: flag(config, 'spot'),
      taints: blocks(config, 'taint').map(({ key, value, effect }) => ({ key, value, effect })),
    },
    autoscaling: {
      enabled: Object.keys(scaling).length > 0,
      totalMinNodeCount: integer(scaling, 'total_min_node_count') ?? 0,
      totalMaxNodeCount: integer(scaling, 'total_max_node_count') ?? 0,
    },
    management: { autoRepair: true, autoUpgrade: true },
  }
}
