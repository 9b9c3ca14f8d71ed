import { randomUUID } from 'node:crypto'
import type { Refusals } from '../../src/behaviour.ts'
import { snapshotType } from '../../src/clouds/aws/behaviours/rds.ts'
import { materialise } from '../../src/clouds/aws/object-store.ts'
import { signedHeaders } from '../../src/clouds/aws/sigv4.ts'
import { objectStore } from '../../src/clouds/gcp/object-store.ts'
import { ecrPrefix } from '../../src/registry/ecr.ts'
import { recordImage } from '../../src/registry/images.ts'
import type { StoredResource } from '../../src/store/resource-store.ts'
import type { ValueObject } from '../../src/terraform/value.ts'
import type { World } from '../../src/world.ts'
import { imageAt } from '../image-fixture.ts'

/**
 * What a standing platform does not refuse by itself: the world is changed first (`given`), or something else is asked
 * for (`asks`), and then the cloud answers with `code`.
 */
export interface Provocation {
  readonly type: string
  readonly refuses: keyof Refusals
  readonly code: string
  given?(world: World, resource: StoredResource): void | Promise<void>
  asks?(config: ValueObject): ValueObject
}

/** The same name, in another place: global names are taken all the same. */
const inAnotherGroup = {
  refuses: 'create',
  given: (world: World) => {
    const id = `/subscriptions/${world.secrets.azureSubscriptionId}/resourceGroups/elsewhere`
    world.store.put('azurerm_resource_group', id, { id, name: 'elsewhere', location: 'eastus' })
  },
  asks: (config: ValueObject) => ({ ...config, resource_group_name: 'elsewhere' }),
} as const

/** The same thing under another name. */
const renamed = {
  refuses: 'create',
  asks: (config: ValueObject) => ({ ...config, name: 'another' }),
} as const

export const provocations: readonly Provocation[] = [
  {
    type: 'aws_db_instance',
    refuses: 'delete',
    code: 'DBSnapshotAlreadyExists',
    given: ({ store }, { id, attributes }) => {
      store.put('aws_db_instance', id, { ...attributes, deletion_protection: false })
      store.put(snapshotType, String(attributes['final_snapshot_identifier']), {})
    },
  },
  {
    type: 'aws_ecr_repository',
    refuses: 'delete',
    code: 'RepositoryNotEmptyException',
    given: (world, { id }) =>
      recordImage(world.store, imageAt(`${ecrPrefix(world, 'us-east-1')}/${id}`), 'latest'),
  },
  {
    type: 'aws_eip',
    refuses: 'create',
    code: 'AddressLimitExceeded',
    given: ({ store }) => {
      for (let index = 0; index < 5; index += 1) store.put('aws_eip', `eipalloc-${index}`, {})
    },
  },
  {
    type: 'aws_s3_bucket',
    refuses: 'create',
    code: 'BucketAlreadyExists',
    asks: config => ({ ...config, bucket: 'models' }),
  },
  { type: 'aws_s3_bucket', refuses: 'delete', code: 'BucketNotEmpty', given: putS3Object },
  {
    type: 'google_compute_subnetwork',
    refuses: 'create',
    code: 'invalid',
    asks: config => ({ ...config, name: 'another' }),
  },
  {
    type: 'google_container_cluster',
    refuses: 'delete',
    code: 'failedPrecondition',
    given: change({ deletion_protection: true }),
  },
  {
    type: 'google_redis_cluster',
    refuses: 'delete',
    code: 'failedPrecondition',
    given: change({ deletion_protection_enabled: true }),
  },
  {
    type: 'google_service_networking_connection',
    refuses: 'delete',
    code: 'failedPrecondition',
    given: change({ deletion_policy: 'DELETE' }),
  },
  { type: 'google_storage_bucket', refuses: 'delete', code: 'conflict', given: putGcsObject },
  { ...inAnotherGroup, type: 'azurerm_container_registry', code: 'AlreadyInUse' },
  { ...inAnotherGroup, type: 'azurerm_key_vault', code: 'VaultAlreadyExists' },
  {
    ...inAnotherGroup,
    type: 'azurerm_key_vault',
    code: 'ConflictError',
    given: (world, { type, id, attributes }) => {
      inAnotherGroup.given(world)
      world.store.delete(type, id)
      world.store.putFact('azure/deleted-vaults', String(attributes['name']), id)
    },
  },
  { ...inAnotherGroup, type: 'azurerm_managed_redis', code: 'NameNotAvailable' },
  { ...inAnotherGroup, type: 'azurerm_mssql_server', code: 'NameAlreadyExists' },
  { ...inAnotherGroup, type: 'azurerm_postgresql_flexible_server', code: 'ServerNameAlreadyExists' },
  { ...inAnotherGroup, type: 'azurerm_storage_account', code: 'StorageAccountAlreadyTaken' },
  { ...renamed, type: 'azurerm_federated_identity_credential', code: 'BadRequest' },
  { ...renamed, type: 'azurerm_kubernetes_cluster', code: 'ManagedResourceGroupAlreadyExists' },
  { ...renamed, type: 'azurerm_private_dns_zone_virtual_network_link', code: 'Conflict' },
  {
    type: 'azurerm_kubernetes_cluster_node_pool',
    refuses: 'create',
    code: 'Conflict',
    asks: config => ({ ...config, name: 'system' }),
  },
  {
    type: 'azurerm_monitor_diagnostic_setting',
    refuses: 'create',
    code: 'Conflict',
    given: ({ store }, { attributes }) => {
      for (let index = 0; index < 5; index += 1)
        store.put('azurerm_monitor_diagnostic_setting', `setting-${index}`, {
          ...attributes,
          name: `s${index}`,
        })
    },
    asks: config => ({ ...config, name: 'another' }),
  },
  {
    type: 'azurerm_resource_group',
    refuses: 'delete',
    code: 'ResourceGroupContainsResources',
    given: ({ store }) => {
      for (const { type, id } of store.list('azurerm_management_lock')) store.delete(type, id)
    },
  },
  {
    type: 'azurerm_role_assignment',
    refuses: 'create',
    code: 'RoleAssignmentExists',
    asks: config => ({ ...config, name: randomUUID() }),
  },
  { ...renamed, type: 'azurerm_subnet', code: 'NetcfgSubnetRangesOverlap' },
]

/** Locks a resource; one whose id is of two parts is locked with the first of them. */
export function lock(world: World, id: string): void {
  const scope = id.split('|')[0] ?? id
  world.store.put('azurerm_management_lock', `${scope}/providers/Microsoft.Authorization/locks/test`, {
    id: `${scope}/providers/Microsoft.Authorization/locks/test`,
    name: 'test',
    scope,
    lock_level: 'CanNotDelete',
  })
}

function change(attributes: Readonly<Record<string, unknown>>): NonNullable<Provocation['given']> {
  return ({ store }, resource) =>
    void store.put(resource.type, resource.id, { ...resource.attributes, ...attributes })
}

async function putS3Object(world: World, { id }: StoredResource): Promise<void> {
  await materialise(world, id)
  const target = `/${id}/object`
  const url = new URL(target, world.endpoints.s3)
  const headers = signedHeaders(
    { method: 'PUT', target, headers: { host: url.host } },
    { accessKeyId: world.secrets.awsAccessKeyId, region: 'us-east-1', service: 's3' },
    world.secrets.awsSecretAccessKey,
    'x',
    new Date(),
  )
  await mustSucceed(fetch(url, { method: 'PUT', headers, body: 'x' }))
}

async function putGcsObject(world: World, { attributes }: StoredResource): Promise<void> {
  const bucket = String(attributes['name'])
  await objectStore(world).createBucket(bucket)
  const url = new URL(`/upload/storage/v1/b/${bucket}/o?uploadType=media&name=object`, world.endpoints.gcs)
  await mustSucceed(fetch(url, { method: 'POST', body: 'x' }))
}

async function mustSucceed(answer: Promise<Response>): Promise<void> {
  const response = await answer
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
}
