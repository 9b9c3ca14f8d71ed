import { CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { block, requiredText, text, textMap, texts } from '../attributes.ts'
import { lastSegment, relativeName } from '../google.ts'
import { inLocation, readRoutes } from './resource-api.ts'
import { doneOperation, notFound, type Route } from './routing.ts'

const redisType = 'google_redis_cluster'
const redisPath = '/v1/projects/{project}/locations/{location}/clusters'

/** https://cloud.google.com/memorystore/docs/cluster/reference/rest/v1 */
export const redisRoutes: readonly Route[] = [
  ...readRoutes({
    type: redisType,
    item: `${redisPath}/{name}`,
    list: redisPath,
    listField: 'clusters',
    id: ({ project, location, name }) => `projects/${project}/locations/${location}/clusters/${name}`,
    below: inLocation('region'),
    project: ({ attributes }) => redisOf(attributes),
  }),
  {
    method: 'PATCH',
    path: `${redisPath}/{name}`,
    run({ params, body, query, world }) {
      const { project, location, name } = params
      const found = world.store.get(redisType, `projects/${project}/locations/${location}/clusters/${name}`)
      if (found === undefined) throw notFound('Cluster')
      const wanted = body['deletionProtectionEnabled']
      if (query.get('updateMask') !== 'deletionProtectionEnabled' || typeof wanted !== 'boolean') {
        throw new CloudError('notImplemented', 'The sandbox patches deletionProtectionEnabled only.', 501)
      }
      const changed = { ...found.attributes, deletion_protection_enabled: wanted }
      world.store.put(redisType, found.id, changed)
      return doneOperation(
        `projects/${project}/locations/${location}/operations/update-${name}`,
        redisOf(changed),
      )
    },
  },
]

function redisOf(attributes: Attributes): object {
  const endpoints = Array.isArray(attributes['discovery_endpoints']) ? attributes['discovery_endpoints'] : []
  return {
    name: requiredText(attributes, 'id'),
    uid: attributes['uid'],
    createTime: attributes['create_time'],
    state: attributes['state'],
    nodeType: attributes['node_type'],
    shardCount: attributes['shard_count'],
    replicaCount: attributes['replica_count'],
    sizeGb: attributes['size_gb'],
    authorizationMode: attributes['authorization_mode'],
    transitEncryptionMode: attributes['transit_encryption_mode'],
    deletionProtectionEnabled: attributes['deletion_protection_enabled'],
    labels: textMap(attributes, 'effective_labels'),
    discoveryEndpoints: endpoints.map(({ address, port }: Attributes) => ({ address, port })),
  }
}

/** https://cloud.google.com/iam/docs/reference/rest/v1 */
export const iamRoutes: readonly Route[] = [
  ...serviceAccountRoutes(),
  ...readRoutes({
    type: 'google_iam_workload_identity_pool',
    item: '/v1/projects/{project}/locations/{location}/workloadIdentityPools/{pool}',
    list: '/v1/projects/{project}/locations/{location}/workloadIdentityPools',
    listField: 'workloadIdentityPools',
    id: ({ project, location, pool }) =>
      `projects/${project}/locations/${location}/workloadIdentityPools/${pool}`,
    below: () => true,
    project: ({ attributes }) => identityPoolShown(attributes),
  }),
  ...readRoutes({
    type: 'google_iam_workload_identity_pool_provider',
    item: '/v1/projects/{project}/locations/{location}/workloadIdentityPools/{pool}/providers/{provider}',
    list: '/v1/projects/{project}/locations/{location}/workloadIdentityPools/{pool}/providers',
    listField: 'workloadIdentityPoolProviders',
    id: ({ project, location, pool, provider }) =>
      `projects/${project}/locations/${location}/workloadIdentityPools/${pool}/providers/${provider}`,
    below: (attributes, { pool }) => attributes['workload_identity_pool_id'] === pool,
    project: ({ attributes }) => ({
      ...identityPoolShown(attributes),
      attributeCondition: attributes['attribute_condition'],
      attributeMapping: textMap(attributes, 'attribute_mapping'),
      oidc: { issuerUri: text(block(attributes, 'oidc'), 'issuer_uri') },
    }),
  }),
]

function identityPoolShown(attributes: Attributes): object {
  return {
    name: requiredText(attributes, 'name'),
    displayName: text(attributes, 'display_name') ?? '',
    description: text(attributes, 'description') ?? '',
    state: attributes['state'],
    disabled: attributes['disabled'] === true,
  }
}

function serviceAccountRoutes(): readonly Route[] {
  return readRoutes({
    type: 'google_service_account',
    item: '/v1/projects/{project}/serviceAccounts/{email}',
    list: '/v1/projects/{project}/serviceAccounts',
    listField: 'accounts',
    id: ({ project, email }) => `projects/${project}/serviceAccounts/${email}`,
    below: () => true,
    project: ({ attributes }) => ({
      name: requiredText(attributes, 'name'),
      projectId: attributes['project'],
      uniqueId: attributes['unique_id'],
      email: attributes['email'],
      displayName: text(attributes, 'display_name') ?? '',
      description: text(attributes, 'description') ?? '',
      disabled: attributes['disabled'] === true,
    }),
  })
}

/** https://cloud.google.com/kms/docs/reference/rest/v1 */
export const kmsRoutes: readonly Route[] = [
  ...readRoutes({
    type: 'google_kms_key_ring',
    item: '/v1/projects/{project}/locations/{location}/keyRings/{name}',
    list: '/v1/projects/{project}/locations/{location}/keyRings',
    listField: 'keyRings',
    id: ({ project, location, name }) => `projects/${project}/locations/${location}/keyRings/${name}`,
    below: inLocation('location'),
    project: ({ attributes, createdAt }) => ({ name: requiredText(attributes, 'id'), createTime: createdAt }),
  }),
  ...readRoutes({
    type: 'google_kms_crypto_key',
    item: '/v1/projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{name}',
    list: '/v1/projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys',
    listField: 'cryptoKeys',
    id: ({ project, location, ring, name }) =>
      `projects/${project}/locations/${location}/keyRings/${ring}/cryptoKeys/${name}`,
    below: (attributes, { project, location, ring }) =>
      attributes['key_ring'] === `projects/${project}/locations/${location}/keyRings/${ring}`,
    project: ({ attributes, createdAt, id }, { world }) => ({
      name: id,
      purpose: attributes['purpose'],
      createTime: createdAt,
      rotationPeriod: attributes['rotation_period'],
      labels: textMap(attributes, 'effective_labels'),
      primary: {
        name: `${id}/cryptoKeyVersions/1`,
        state: world.store.getFact('gcp-destroyed-keys', id) === true ? 'DESTROY_SCHEDULED' : 'ENABLED',
      },
    }),
  }),
]

/** https://cloud.google.com/network-connectivity/docs/reference/networkconnectivity/rest/v1 */
export const networkConnectivityRoutes: readonly Route[] = readRoutes({
  type: 'google_network_connectivity_service_connection_policy',
  item: '/v1/projects/{project}/locations/{location}/serviceConnectionPolicies/{name}',
  list: '/v1/projects/{project}/locations/{location}/serviceConnectionPolicies',
  listField: 'serviceConnectionPolicies',
  id: ({ project, location, name }) =>
    `projects/${project}/locations/${location}/serviceConnectionPolicies/${name}`,
  below: inLocation('location'),
  project: ({ attributes }) => ({
    name: requiredText(attributes, 'id'),
    network: attributes['network'],
    serviceClass: attributes['service_class'],
    labels: textMap(attributes, 'effective_labels'),
    createTime: attributes['create_time'],
    pscConfig: { subnetworks: texts(block(attributes, 'psc_config'), 'subnetworks') },
  }),
})

/** https://cloud.google.com/service-infrastructure/docs/service-networking/reference/rest/v1/services.connections */
export const serviceNetworkingRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/services/{service}/connections',
    run({ params, query, world }) {
      const network = relativeName(query.get('network') ?? '')
      const connections = world.store
        .list('google_service_networking_connection')
        .filter(
          ({ attributes }) =>
            attributes['service'] === params['service'] &&
            lastSegment(requiredText(attributes, 'network')) === lastSegment(network),
        )
      return {
        connections: connections.map(({ attributes }) => ({
          network,
          service: `services/${params['service']}`,
          peering: attributes['peering'],
          reservedPeeringRanges: texts(attributes, 'reserved_peering_ranges'),
        })),
      }
    },
  },
]
