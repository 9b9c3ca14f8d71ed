import { CloudError } from '../../../behaviour.ts'
import { lastSegment } from '../arm-id.ts'
import { blocks, flag, requiredText, text } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

const skuPattern = /^(Balanced_B|MemoryOptimized_M|ComputeOptimized_X|FlashOptimized_A)\d+$/

export const managedRedis = azureType({
  type: 'azurerm_managed_redis',
  source:
    'https://learn.microsoft.com/azure/redis/overview; https://learn.microsoft.com/rest/api/redis/redisenterprisecache (default database on port 10000)',
  seconds: { create: 420, update: 180, delete: 240 },
  refuses: { create: ['NameNotAvailable'] },
  name: {
    attribute: 'name',
    pattern: /^(?!.*--)[A-Za-z0-9]([-A-Za-z0-9]{0,58}[A-Za-z0-9])?$/,
    text: 'must be 1 to 60 letters, numbers and single hyphens, and neither begin nor end with a hyphen',
  },
  validate: configured => {
    const sku = text(configured, 'sku_name')
    return sku === undefined || skuPattern.test(sku)
      ? []
      : [
          {
            path: 'sku_name',
            message: `expected sku_name to be a Managed Redis SKU such as Balanced_B0, got ${sku}`,
          },
        ]
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Cache/redisEnterprise/${requiredText(planned, 'name')}`,
  create(planned, id, { world }) {
    const name = requiredText(planned, 'name')
    const location = requiredText(planned, 'location')
    const taken = world.store
      .list('azurerm_managed_redis')
      .some(other => lastSegment(other.id) === name && text(other.attributes, 'location') === location)
    if (taken)
      throw new CloudError(
        'NameNotAvailable',
        `An error occurred when trying to reserve the DNS name for the cache: ${name}.`,
        409,
      )
    return {
      hostname: `${name}.${location}.redis.azure.net`,
      default_database: blocks(planned, 'default_database').map(database => ({
        ...database,
        id: `${id}/databases/default`,
        port: 10000,
        // Keys exist only where they are allowed.
        primary_access_key: flag(database, 'access_keys_authentication_enabled')
          ? world.secrets.azureStorageAccountKey
          : '',
        secondary_access_key: flag(database, 'access_keys_authentication_enabled')
          ? world.secrets.azureStorageAccountKey
          : '',
      })),
      id,
    }
  },
  arm: {
    type: 'Microsoft.Cache/redisEnterprise',
    project: attributes => ({
      kind: 'v2',
      sku: { name: text(attributes, 'sku_name') },
      properties: {
        provisioningState: 'Succeeded',
        resourceState: 'Running',
        hostName: text(attributes, 'hostname'),
        highAvailability: flag(attributes, 'high_availability_enabled') ? 'Enabled' : 'Disabled',
        publicNetworkAccess: text(attributes, 'public_network_access'),
        minimumTlsVersion: '1.2',
      },
    }),
  },
})

export const redisAccessPolicyAssignment = azureType({
  type: 'azurerm_managed_redis_access_policy_assignment',
  source:
    'https://learn.microsoft.com/azure/redis/entra-for-authentication; https://learn.microsoft.com/rest/api/redis/redisenterprisecache/access-policy-assignment',
  seconds: { create: 30, update: 30, delete: 30 },
  id: planned =>
    `${requiredText(planned, 'managed_redis_id')}/databases/default/accessPolicyAssignments/${requiredText(planned, 'object_id')}`,
  create: () => ({}),
  arm: {
    type: 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        accessPolicyName: 'default',
        user: { objectId: text(attributes, 'object_id') },
      },
    }),
  },
})
