import { describe, expect, test } from 'vitest'
import { azure } from '../src/clouds/azure/index.ts'
import type { Attributes } from '../src/store/resource-store.ts'

/** Mistakes that the provider reports at plan time: type, what was written, what it says. */
const mistakes: readonly (readonly [string, Attributes, RegExp])[] = [
  ['azurerm_storage_account', { name: 'ml-platform' }, /lowercase letters and numbers/],
  ['azurerm_storage_account', { name: 'a'.repeat(25) }, /between 3 and 24/],
  ['azurerm_container_registry', { name: 'ml-platform' }, /5 to 50 alphanumeric/],
  [
    'azurerm_container_registry',
    { name: 'mlplatform', sku: 'Basic', zone_redundancy_enabled: true },
    /Premium/,
  ],
  [
    'azurerm_container_registry',
    { name: 'mlplatform', sku: 'Standard', retention_policy_in_days: 7 },
    /Premium/,
  ],
  ['azurerm_key_vault', { name: '1vault' }, /3-24 chars/],
  ['azurerm_key_vault', { name: 'vault', soft_delete_retention_days: 3 }, /7 - 90/],
  ['azurerm_resource_group', { name: 'ends-with.' }, /not end in a period/],
  ['azurerm_storage_container', { name: 'Two--Hyphens' }, /single hyphens/],
  [
    'azurerm_public_ip',
    { name: 'ip', sku: 'Standard', allocation_method: 'Dynamic' },
    /static IP allocation/,
  ],
  ['azurerm_postgresql_flexible_server', { name: 'pg1', backup_retention_days: 40 }, /7 - 35/],
  [
    'azurerm_postgresql_flexible_server',
    { name: 'pg1', sku_name: 'B_Standard_B1ms', high_availability: [{ mode: 'ZoneRedundant' }] },
    /Burstable/,
  ],
  [
    'azurerm_mssql_database',
    { name: 'db', sku_name: 'GP_Gen5_2', auto_pause_delay_in_minutes: 60 },
    /serverless/,
  ],
  ['azurerm_mssql_server', { name: 'sql1' }, /administrator_login/],
  ['azurerm_managed_redis', { name: 'redis', sku_name: 'Premium_P1' }, /Balanced_B0/],
  ['azurerm_management_lock', { name: 'keep', lock_level: 'Forever' }, /CanNotDelete/],
  ['azurerm_log_analytics_workspace', { name: 'logs', retention_in_days: 7 }, /30 - 730/],
  ['azurerm_kubernetes_cluster_node_pool', { name: 'UPPER' }, /lowercase letter/],
  [
    'azurerm_kubernetes_cluster_node_pool',
    { name: 'spot', priority: 'Regular', eviction_policy: 'Delete' },
    /eviction_policy/,
  ],
  [
    'azurerm_kubernetes_cluster',
    { name: 'aks', network_profile: [{ network_plugin: 'kubenet', network_data_plane: 'cilium' }] },
    /cilium/,
  ],
  ['azurerm_kubernetes_cluster', { name: 'aks', local_account_disabled: true }, /Microsoft Entra/],
  [
    'azurerm_network_security_group',
    {
      name: 'nsg',
      security_rule: [
        { priority: 100, direction: 'Inbound' },
        { priority: 100, direction: 'Inbound' },
      ],
    },
    /same priority/,
  ],
]

describe('the provider refuses', () => {
  test.each(mistakes)('%s %j', (type, written, says) => {
    const behaviour = azure.behaviours.find(candidate => candidate.type === type)
    expect(behaviour?.validate?.(written).map(({ message }) => message)).toEqual([
      expect.stringMatching(says),
    ])
  })
})

test('every behaviour names its source and has durations', () => {
  for (const { type, source, seconds } of azure.behaviours) {
    expect(source, type).toMatch(/https:|azurerm/)
    expect(Math.min(seconds.create, seconds.update, seconds.delete), type).toBeGreaterThan(0)
  }
})
