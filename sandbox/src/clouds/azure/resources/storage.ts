import { CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { lastSegment } from '../arm-id.ts'
import { block, blocks, flag, isAttributes, requiredText, text, textMap } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'
import { createBlobContainer, deleteBlobContainer } from '../blob-service.ts'

export const storageAccount = azureType({
  type: 'azurerm_storage_account',
  source:
    'https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name (3 to 24 lower-case letters and digits, unique in all of Azure)',
  seconds: { create: 25, update: 10, delete: 8 },
  refuses: { create: ['StorageAccountAlreadyTaken'] },
  name: {
    attribute: 'name',
    pattern: /^[a-z0-9]{3,24}$/,
    text: 'can only consist of lowercase letters and numbers, and must be between 3 and 24 characters long',
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Storage/storageAccounts/${requiredText(planned, 'name')}`,
  async create(planned, id, { world }) {
    const name = requiredText(planned, 'name')
    if (world.store.list('azurerm_storage_account').some(other => lastSegment(other.id) === name))
      throw new CloudError(
        'StorageAccountAlreadyTaken',
        `The storage account named ${name} is already taken.`,
        409,
      )
    await world.ensureBlobAccount(name)
    return {
      access_tier: text(planned, 'access_tier') ?? 'Hot',
      large_file_share_enabled: planned['large_file_share_enabled'] ?? false,
      ...endpoints(name, requiredText(planned, 'location')),
      // Shared keys exist only where they are allowed; the platform's own account has them off.
      ...keys(name, flag(planned, 'shared_access_key_enabled') ? world.secrets.azureStorageAccountKey : ''),
      blob_properties: blocks(planned, 'blob_properties').map(properties => ({
        ...properties,
        default_service_version: text(properties, 'default_service_version') ?? '',
      })),
      id,
    }
  },
  arm: {
    type: 'Microsoft.Storage/storageAccounts',
    project: attributes => ({
      kind: text(attributes, 'account_kind') ?? 'StorageV2',
      sku: {
        name: `${text(attributes, 'account_tier')}_${text(attributes, 'account_replication_type')}`,
        tier: text(attributes, 'account_tier') ?? 'Standard',
      },
      properties: {
        provisioningState: 'Succeeded',
        accessTier: text(attributes, 'access_tier'),
        allowSharedKeyAccess: flag(attributes, 'shared_access_key_enabled'),
        allowBlobPublicAccess: flag(attributes, 'allow_nested_items_to_be_public'),
        supportsHttpsTrafficOnly: flag(attributes, 'https_traffic_only_enabled'),
        minimumTlsVersion: text(attributes, 'min_tls_version'),
        publicNetworkAccess: flag(attributes, 'public_network_access_enabled') ? 'Enabled' : 'Disabled',
        primaryLocation: text(attributes, 'primary_location'),
        statusOfPrimary: 'available',
        primaryEndpoints: {
          blob: text(attributes, 'primary_blob_endpoint'),
          dfs: text(attributes, 'primary_dfs_endpoint'),
        },
        encryption: {
          keySource: 'Microsoft.Storage',
          services: { blob: { enabled: true, keyType: 'Account' } },
        },
      },
    }),
    fromArm(id, body) {
      const properties = isAttributes(body['properties']) ? body['properties'] : {}
      const [tier, replication] = requiredText(isAttributes(body['sku']) ? body['sku'] : {}, 'name').split(
        '_',
      )
      return {
        name: lastSegment(id),
        resource_group_name: /\/resourceGroups\/([^/]+)/i.exec(id)?.[1],
        location: requiredText(body, 'location'),
        tags: textMap(body, 'tags'),
        account_kind: text(body, 'kind') ?? 'StorageV2',
        account_tier: tier ?? 'Standard',
        account_replication_type: replication ?? 'LRS',
        shared_access_key_enabled: properties['allowSharedKeyAccess'] !== false,
        allow_nested_items_to_be_public: properties['allowBlobPublicAccess'] === true,
        https_traffic_only_enabled: properties['supportsHttpsTrafficOnly'] !== false,
        min_tls_version: text(properties, 'minimumTlsVersion') ?? 'TLS1_2',
        public_network_access_enabled: properties['publicNetworkAccess'] !== 'Disabled',
      }
    },
  },
})

export const storageContainer = azureType({
  type: 'azurerm_storage_container',
  source:
    'https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata',
  seconds: { create: 3, update: 3, delete: 5 },
  name: {
    attribute: 'name',
    pattern: /^(\$root|\$web|(?!.*--)[a-z0-9][-a-z0-9]{1,61}[a-z0-9])$/,
    text: 'must hold 3 to 63 lowercase letters, numbers and single hyphens, and neither begin nor end with a hyphen',
  },
  id: planned =>
    `${requiredText(planned, 'storage_account_id')}/blobServices/default/containers/${requiredText(planned, 'name')}`,
  async create(planned, id, { world }) {
    const account = lastSegment(requiredText(planned, 'storage_account_id'))
    const name = requiredText(planned, 'name')
    await createBlobContainer(world, account, name)
    return {
      default_encryption_scope: text(planned, 'default_encryption_scope') ?? '$account-encryption-key',
      has_immutability_policy: false,
      has_legal_hold: false,
      metadata: textMap(planned, 'metadata'),
      url: `https://${account}.blob.core.windows.net/${name}`,
      id,
    }
  },
  async removed(attributes, { world }) {
    const account = lastSegment(requiredText(attributes, 'storage_account_id'))
    await deleteBlobContainer(world, account, requiredText(attributes, 'name'))
  },
  arm: {
    type: 'Microsoft.Storage/storageAccounts/blobServices/containers',
    project: attributes => ({
      properties: {
        publicAccess: text(attributes, 'container_access_type') === 'private' ? 'None' : 'Container',
        hasImmutabilityPolicy: false,
        hasLegalHold: false,
        leaseStatus: 'Unlocked',
        leaseState: 'Available',
      },
    }),
    fromArm: id => ({
      name: lastSegment(id),
      storage_account_id: id.replace(/\/blobServices\/default\/containers\/[^/]+$/i, ''),
      container_access_type: 'private',
      encryption_scope_override_enabled: true,
    }),
  },
})

export const storageManagementPolicy = azureType({
  type: 'azurerm_storage_management_policy',
  source:
    'https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-overview (one policy an account, 100 rules)',
  seconds: { create: 5, update: 5, delete: 5 },
  upsert: true,
  validate: configured =>
    blocks(configured, 'rule').length > 100
      ? [{ path: 'rule', message: 'a policy holds at most 100 rules' }]
      : [],
  id: planned => `${requiredText(planned, 'storage_account_id')}/managementPolicies/default`,
  create: () => ({}),
  arm: {
    type: 'Microsoft.Storage/storageAccounts/managementPolicies',
    project: attributes => ({
      properties: {
        policy: {
          rules: blocks(attributes, 'rule').map(rule => ({
            name: text(rule, 'name'),
            enabled: flag(rule, 'enabled'),
            type: 'Lifecycle',
            definition: { filters: block(rule, 'filters'), actions: block(rule, 'actions') },
          })),
        },
      },
    }),
  },
})

function endpoints(name: string, location: string): Attributes {
  const attributes: Attributes = { primary_location: location, secondary_location: '' }
  for (const service of ['blob', 'dfs', 'file', 'queue', 'table', 'web']) {
    const host = `${name}.${service === 'web' ? 'z13.web' : service}.core.windows.net`
    attributes[`primary_${service}_endpoint`] = `https://${host}/`
    attributes[`primary_${service}_host`] = host
    attributes[`secondary_${service}_endpoint`] = ''
    attributes[`secondary_${service}_host`] = ''
    for (const route of ['internet', 'microsoft'])
      for (const side of ['primary', 'secondary']) {
        // Queues and tables have no endpoint for internet routing.
        if (route === 'internet' && (service === 'queue' || service === 'table')) continue
        attributes[`${side}_${service}_${route}_endpoint`] = ''
        attributes[`${side}_${service}_${route}_host`] = ''
      }
  }
  return attributes
}

function keys(name: string, key: string): Attributes {
  const connection =
    key === ''
      ? ''
      : `DefaultEndpointsProtocol=https;AccountName=${name};AccountKey=${key};EndpointSuffix=core.windows.net`
  return {
    primary_access_key: key,
    primary_connection_string: connection,
    primary_blob_connection_string: connection,
    secondary_access_key: key,
    secondary_connection_string: connection,
    secondary_blob_connection_string: '',
  }
}
