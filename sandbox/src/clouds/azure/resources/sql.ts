import { CloudError } from '../../../behaviour.ts'
import { lastSegment } from '../arm-id.ts'
import { block, blocks, count, flag, requiredText, text } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

export const sqlServer = azureType({
  type: 'azurerm_mssql_server',
  source:
    'https://learn.microsoft.com/azure/azure-sql/database/authentication-azure-ad-only-authentication-create-server; https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftsql',
  seconds: { create: 120, update: 60, delete: 60 },
  refuses: { create: ['NameAlreadyExists'] },
  name: {
    attribute: 'name',
    pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    text: 'can contain only lowercase letters, numbers, and hyphens, neither begin nor end with a hyphen, and be 63 characters at most',
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Sql/servers/${requiredText(planned, 'name')}`,
  validate: configured => {
    const entra = block(configured, 'azuread_administrator')
    return text(configured, 'administrator_login') === undefined &&
      !flag(entra ?? {}, 'azuread_authentication_only')
      ? [
          {
            path: 'administrator_login',
            message:
              '`administrator_login` is required unless `azuread_administrator` with `azuread_authentication_only` is set',
          },
        ]
      : []
  },
  create(planned, id, { world }) {
    const name = requiredText(planned, 'name')
    if (world.store.list('azurerm_mssql_server').some(other => lastSegment(other.id) === name))
      throw new CloudError(
        'NameAlreadyExists',
        `The name '${name}.database.windows.net' already exists.`,
        409,
      )
    return {
      administrator_login: text(planned, 'administrator_login') ?? '',
      administrator_login_password_wo: null,
      fully_qualified_domain_name: `${name}.database.windows.net`,
      primary_user_assigned_identity_id: '',
      restorable_dropped_database_ids: [],
      azuread_administrator: blocks(planned, 'azuread_administrator').map(administrator => ({
        ...administrator,
        tenant_id: text(administrator, 'tenant_id') ?? world.secrets.azureTenantId,
      })),
      id,
    }
  },
  arm: {
    type: 'Microsoft.Sql/servers',
    project: attributes => ({
      kind: 'v12.0',
      properties: {
        state: 'Ready',
        version: text(attributes, 'version'),
        fullyQualifiedDomainName: text(attributes, 'fully_qualified_domain_name'),
        minimalTlsVersion: text(attributes, 'minimum_tls_version'),
        publicNetworkAccess: flag(attributes, 'public_network_access_enabled') ? 'Enabled' : 'Disabled',
        administrators: {
          administratorType: 'ActiveDirectory',
          login: text(block(attributes, 'azuread_administrator') ?? {}, 'login_username'),
          sid: text(block(attributes, 'azuread_administrator') ?? {}, 'object_id'),
          azureADOnlyAuthentication: flag(
            block(attributes, 'azuread_administrator') ?? {},
            'azuread_authentication_only',
          ),
        },
      },
    }),
  },
})

export const sqlDatabase = azureType({
  type: 'azurerm_mssql_database',
  source:
    'https://learn.microsoft.com/azure/azure-sql/database/service-tiers-sql-database-vcore; retention of 1 to 35 days; auto-pause only for serverless (GP_S_*)',
  seconds: { create: 60, update: 60, delete: 15 },
  name: {
    attribute: 'name',
    pattern: /^[^<>*%&:\\/?]{0,127}[^<>*%&:\\/?. ]$/,
    text: "can't end with '.' or ' ' nor hold '<,>,*,%,&,:,\\,/,?', 128 characters at most",
  },
  id: planned => `${requiredText(planned, 'server_id')}/databases/${requiredText(planned, 'name')}`,
  validate(configured) {
    const problems: { path?: string; message: string }[] = []
    const days = count(block(configured, 'short_term_retention_policy') ?? {}, 'retention_days')
    if (days !== undefined && (days < 1 || days > 35))
      problems.push({
        path: 'short_term_retention_policy.0.retention_days',
        message: `expected retention_days to be in the range (1 - 35), got ${days}`,
      })
    const serverless = text(configured, 'sku_name')?.includes('_S_') ?? true
    if (!serverless && count(configured, 'auto_pause_delay_in_minutes') !== undefined)
      problems.push({
        path: 'auto_pause_delay_in_minutes',
        message: 'should only be specified for serverless databases',
      })
    return problems
  },
  create(planned, id) {
    const retention = block(planned, 'short_term_retention_policy')
    return {
      auto_pause_delay_in_minutes: count(planned, 'auto_pause_delay_in_minutes') ?? 0,
      collation: text(planned, 'collation') ?? 'SQL_Latin1_General_CP1_CI_AS',
      creation_source_database_id: '',
      enclave_type: text(planned, 'enclave_type') ?? null,
      ledger_enabled: flag(planned, 'ledger_enabled'),
      license_type: text(planned, 'license_type') ?? 'LicenseIncluded',
      maintenance_configuration_name: text(planned, 'maintenance_configuration_name') ?? 'SQL_Default',
      max_size_gb: count(planned, 'max_size_gb') ?? 32,
      min_capacity: count(planned, 'min_capacity') ?? 0,
      read_replica_count: count(planned, 'read_replica_count') ?? 0,
      read_scale: flag(planned, 'read_scale'),
      sku_name: text(planned, 'sku_name') ?? 'GP_Gen5_2',
      zone_redundant: flag(planned, 'zone_redundant'),
      ...(retention
        ? {
            short_term_retention_policy: [
              { ...retention, backup_interval_in_hours: count(retention, 'backup_interval_in_hours') ?? 12 },
            ],
          }
        : {}),
      ...(block(planned, 'long_term_retention_policy')
        ? {
            long_term_retention_policy: blocks(planned, 'long_term_retention_policy').map(policy => ({
              ...policy,
              week_of_year: count(policy, 'week_of_year') ?? 1,
            })),
          }
        : {}),
      id,
    }
  },
  arm: {
    type: 'Microsoft.Sql/servers/databases',
    project: attributes => ({
      kind: 'v12.0,user,vcore',
      sku: { name: text(attributes, 'sku_name') },
      properties: {
        status: 'Online',
        collation: text(attributes, 'collation'),
        maxSizeBytes: (count(attributes, 'max_size_gb') ?? 0) * 1024 ** 3,
        zoneRedundant: flag(attributes, 'zone_redundant'),
        requestedBackupStorageRedundancy: text(attributes, 'storage_account_type'),
      },
    }),
  },
})
