import { CloudError } from '../../../behaviour.ts'
import { restorable } from '../../../servers/restorable.ts'
import type { ResourceStore } from '../../../store/resource-store.ts'
import { lastSegment } from '../arm-id.ts'
import { block, blocks, count, flag, requiredText, text } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

const serverPath = 'providers/Microsoft.DBforPostgreSQL/flexibleServers'

export const postgresqlServer = azureType({
  type: 'azurerm_postgresql_flexible_server',
  source:
    'https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-private (a private server needs a delegated subnet and a zone ending in .postgres.database.azure.com that is linked); concepts-high-availability (not on Burstable); concepts-backup-restore (7 to 35 days)',
  seconds: { create: 360, update: 120, delete: 120 },
  refuses: { create: ['ServerNameAlreadyExists'] },
  name: {
    attribute: 'name',
    pattern: /^[a-z0-9][-a-z0-9]{1,61}[a-z0-9]$/,
    text: 'must be 3 to 63 lowercase letters, numbers and hyphens, and neither begin nor end with a hyphen',
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/${serverPath}/${requiredText(planned, 'name')}`,
  validate(configured) {
    const problems: { path?: string; message: string }[] = []
    const days = count(configured, 'backup_retention_days')
    if (days !== undefined && (days < 7 || days > 35))
      problems.push({
        path: 'backup_retention_days',
        message: `expected backup_retention_days to be in the range (7 - 35), got ${days}`,
      })
    const sku = text(configured, 'sku_name')
    if (sku !== undefined && !/^(B|GP|MO)_Standard_[A-Za-z0-9_]+$/.test(sku))
      problems.push({
        path: 'sku_name',
        message: `expected sku_name to be {pricing tier}_{compute}, got ${sku}`,
      })
    if (sku?.startsWith('B_') && blocks(configured, 'high_availability').length > 0)
      problems.push({
        path: 'high_availability',
        message: 'high availability is not supported by the Burstable tier',
      })
    return problems
  },
  references: planned => ({
    delegated_subnet_id: text(planned, 'delegated_subnet_id'),
    private_dns_zone_id: text(planned, 'private_dns_zone_id'),
  }),
  create(planned, id, { world }) {
    const name = requiredText(planned, 'name')
    requireFreeHostName('azurerm_postgresql_flexible_server', name, world.store)
    requireDelegation(text(planned, 'delegated_subnet_id'), world.store)
    requireLinkedZone(text(planned, 'private_dns_zone_id'), world.store)
    const authentication = block(planned, 'authentication')
    const passwords = authentication === undefined || flag(authentication, 'password_auth_enabled')
    if (passwords && !text(planned, 'administrator_login'))
      throw new CloudError(
        'InvalidParameterValue',
        '`administrator_login` is required when `create_mode` is `Default` and `authentication.password_auth_enabled` is set to `true`',
      )
    return {
      administrator_login: text(planned, 'administrator_login') ?? '',
      backup_retention_days: count(planned, 'backup_retention_days') ?? 7,
      fqdn: `${name}.postgres.database.azure.com`,
      private_dns_zone_id: text(planned, 'private_dns_zone_id') ?? '',
      storage_mb: count(planned, 'storage_mb') ?? 32768,
      storage_tier: text(planned, 'storage_tier') ?? storageTier(count(planned, 'storage_mb') ?? 32768),
      zone: text(planned, 'zone') ?? '1',
      sku_name: text(planned, 'sku_name'),
      version: text(planned, 'version'),
      id,
    }
  },
  arm: {
    type: 'Microsoft.DBforPostgreSQL/flexibleServers',
    project: (attributes, world) => ({
      sku: {
        name: requiredText(attributes, 'sku_name').replace(/^[A-Z]+_/, ''),
        tier:
          { B: 'Burstable', GP: 'GeneralPurpose', MO: 'MemoryOptimized' }[
            requiredText(attributes, 'sku_name').split('_')[0] ?? ''
          ] ?? 'GeneralPurpose',
      },
      properties: {
        state: 'Ready',
        version: text(attributes, 'version'),
        fullyQualifiedDomainName: text(attributes, 'fqdn'),
        availabilityZone: text(attributes, 'zone'),
        storage: { storageSizeGB: (count(attributes, 'storage_mb') ?? 0) / 1024 },
        backup: {
          backupRetentionDays: count(attributes, 'backup_retention_days'),
          earliestRestoreDate: restorable(
            world.store.get('azurerm_postgresql_flexible_server', requiredText(attributes, 'id'))
              ?.createdAt ?? '',
            count(attributes, 'backup_retention_days') ?? 0,
          )?.earliest,
          geoRedundantBackup: flag(attributes, 'geo_redundant_backup_enabled') ? 'Enabled' : 'Disabled',
        },
        highAvailability: {
          mode: text(block(attributes, 'high_availability') ?? {}, 'mode') ?? 'Disabled',
          state: block(attributes, 'high_availability') ? 'Healthy' : 'NotEnabled',
        },
        network: {
          publicNetworkAccess: flag(attributes, 'public_network_access_enabled') ? 'Enabled' : 'Disabled',
          delegatedSubnetResourceId: text(attributes, 'delegated_subnet_id'),
          privateDnsZoneArmResourceId: text(attributes, 'private_dns_zone_id'),
        },
        authConfig: {
          activeDirectoryAuth: flag(
            block(attributes, 'authentication') ?? {},
            'active_directory_auth_enabled',
          )
            ? 'Enabled'
            : 'Disabled',
          passwordAuth: flag(block(attributes, 'authentication') ?? {}, 'password_auth_enabled')
            ? 'Enabled'
            : 'Disabled',
        },
      },
    }),
  },
})

export const postgresqlDatabase = azureType({
  type: 'azurerm_postgresql_flexible_server_database',
  source: 'https://learn.microsoft.com/rest/api/postgresql/databases',
  seconds: { create: 15, update: 10, delete: 15 },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z_][-\w]{0,62}$/,
    text: 'must begin with a letter or underscore and be 63 characters at most',
  },
  id: planned => `${requiredText(planned, 'server_id')}/databases/${requiredText(planned, 'name')}`,
  create: () => ({}),
  arm: {
    type: 'Microsoft.DBforPostgreSQL/flexibleServers/databases',
    project: attributes => ({
      properties: { charset: text(attributes, 'charset'), collation: text(attributes, 'collation') },
    }),
  },
})

export const postgresqlAdministrator = azureType({
  type: 'azurerm_postgresql_flexible_server_active_directory_administrator',
  source:
    'https://learn.microsoft.com/azure/postgresql/flexible-server/how-to-configure-sign-in-azure-ad-authentication (named by the object id; Entra authentication must be on)',
  seconds: { create: 60, update: 60, delete: 60 },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/${serverPath}/${requiredText(planned, 'server_name')}/administrators/${requiredText(planned, 'object_id')}`,
  validate: configured => {
    const type = text(configured, 'principal_type')
    return type === undefined || ['Group', 'ServicePrincipal', 'User'].includes(type)
      ? []
      : [
          {
            path: 'principal_type',
            message: `expected principal_type to be one of ["Group" "ServicePrincipal" "User"], got ${type}`,
          },
        ]
  },
  create(planned, id, { world }) {
    const server = world.store.get(
      'azurerm_postgresql_flexible_server',
      id.replace(/\/administrators\/[^/]+$/, ''),
    )
    if (!flag(block(server?.attributes ?? {}, 'authentication') ?? {}, 'active_directory_auth_enabled'))
      throw new CloudError(
        'AadAuthOperationCannotBePerformedWhenAadIsDisabled',
        `Microsoft Entra operations cannot be performed on server ${requiredText(planned, 'server_name')}, because Microsoft Entra authentication is disabled.`,
      )
    return {}
  },
  arm: {
    type: 'Microsoft.DBforPostgreSQL/flexibleServers/administrators',
    project: attributes => ({
      properties: {
        objectId: text(attributes, 'object_id'),
        principalName: text(attributes, 'principal_name'),
        principalType: text(attributes, 'principal_type'),
        tenantId: text(attributes, 'tenant_id'),
      },
    }),
  },
})

export const postgresqlConfiguration = azureType({
  type: 'azurerm_postgresql_flexible_server_configuration',
  source:
    'https://learn.microsoft.com/azure/postgresql/flexible-server/server-parameters (parameters always exist; deleting resets one to its default)',
  seconds: { create: 20, update: 20, delete: 20 },
  beyondLocks: true,
  upsert: true,
  id: planned => `${requiredText(planned, 'server_id')}/configurations/${requiredText(planned, 'name')}`,
  create: () => ({}),
  arm: {
    type: 'Microsoft.DBforPostgreSQL/flexibleServers/configurations',
    project: attributes => ({ properties: { value: text(attributes, 'value'), source: 'user-override' } }),
  },
})

export const postgresqlBackup = azureType({
  type: 'azurerm_postgresql_flexible_server_backup',
  source:
    'https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-backup-restore#on-demand-backups (not on Burstable; they go with the server)',
  seconds: { create: 120, update: 1, delete: 30 },
  id: planned => `${requiredText(planned, 'server_id')}/backups/${requiredText(planned, 'name')}`,
  create(planned, _id, { world }) {
    const server = world.store.get('azurerm_postgresql_flexible_server', requiredText(planned, 'server_id'))
    if (text(server?.attributes ?? {}, 'sku_name')?.startsWith('B_'))
      throw new CloudError('BackupNotSupported', 'On-demand backups are not supported on the Burstable tier.')
    return { completed_time: new Date().toISOString() }
  },
  arm: {
    type: 'Microsoft.DBforPostgreSQL/flexibleServers/backups',
    project: attributes => ({
      properties: { backupType: 'Customer On-Demand', completedTime: text(attributes, 'completed_time') },
    }),
    fromArm: id => ({ name: lastSegment(id), server_id: id.replace(/\/backups\/[^/]+$/i, '') }),
  },
})

function requireFreeHostName(type: string, name: string, store: ResourceStore): void {
  if (store.list(type).some(other => lastSegment(other.id) === name))
    throw new CloudError('ServerNameAlreadyExists', `Specified server name is already used: ${name}.`, 409)
}

function requireDelegation(subnetId: string | undefined, store: ResourceStore): void {
  if (subnetId === undefined) return
  const subnet = store.get('azurerm_subnet', subnetId)
  const services = blocks(subnet?.attributes ?? {}, 'delegation').flatMap(delegation =>
    blocks(delegation, 'service_delegation').map(service => text(service, 'name')),
  )
  if (!services.includes('Microsoft.DBforPostgreSQL/flexibleServers'))
    throw new CloudError(
      'SubnetNotDelegated',
      `The subnet ${subnetId} is not delegated to Microsoft.DBforPostgreSQL/flexibleServers.`,
    )
}

function requireLinkedZone(zoneId: string | undefined, store: ResourceStore): void {
  if (zoneId === undefined) return
  const linked = store
    .list('azurerm_private_dns_zone_virtual_network_link')
    .some(link => text(link.attributes, 'private_dns_zone_id') === zoneId)
  if (!lastSegment(zoneId).endsWith('.postgres.database.azure.com') || !linked)
    throw new CloudError(
      'InvalidPrivateDnsZone',
      `The private DNS zone ${zoneId} must end in .postgres.database.azure.com and be linked to the server's virtual network.`,
    )
}

/** Source: https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-storage (default tier by size). */
function storageTier(megabytes: number): string {
  const tiers: readonly (readonly [number, string])[] = [
    [32768, 'P4'],
    [65536, 'P6'],
    [131072, 'P10'],
    [262144, 'P15'],
    [524288, 'P20'],
    [1048576, 'P30'],
  ]
  return tiers.find(([limit]) => megabytes <= limit)?.[1] ?? 'P40'
}
