import * as z from 'zod'
import type { CloudResource } from '../cloud.ts'
import { ownBudget } from './budget.ts'
import type { AzurePlatform } from './platform.ts'

const resource = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  managedBy: z.string().nullish(),
})

/** terraform's names of what may be left, so that lists read the same everywhere. */
const terraformTypes: Readonly<Record<string, string>> = {
  'microsoft.resources/resourcegroups': 'azurerm_resource_group',
  'microsoft.network/virtualnetworks': 'azurerm_virtual_network',
  'microsoft.network/networksecuritygroups': 'azurerm_network_security_group',
  'microsoft.network/publicipaddresses': 'azurerm_public_ip',
  'microsoft.network/loadbalancers': 'azurerm_lb',
  'microsoft.network/trafficmanagerprofiles': 'azurerm_traffic_manager_profile',
  'microsoft.network/natgateways': 'azurerm_nat_gateway',
  'microsoft.network/privateendpoints': 'azurerm_private_endpoint',
  'microsoft.network/privatednszones': 'azurerm_private_dns_zone',
  'microsoft.managedidentity/userassignedidentities': 'azurerm_user_assigned_identity',
  'microsoft.keyvault/vaults': 'azurerm_key_vault',
  'microsoft.operationalinsights/workspaces': 'azurerm_log_analytics_workspace',
  'microsoft.containerregistry/registries': 'azurerm_container_registry',
  'microsoft.cache/redisenterprise': 'azurerm_managed_redis',
  'microsoft.storage/storageaccounts': 'azurerm_storage_account',
  'microsoft.dbforpostgresql/flexibleservers': 'azurerm_postgresql_flexible_server',
  'microsoft.sql/servers': 'azurerm_mssql_server',
  'microsoft.sql/servers/databases': 'azurerm_mssql_database',
  'microsoft.containerservice/managedclusters': 'azurerm_kubernetes_cluster',
  'microsoft.compute/disks': 'azurerm_managed_disk',
  'microsoft.compute/snapshots': 'azurerm_snapshot',
  'microsoft.compute/virtualmachines': 'azurerm_linux_virtual_machine',
  // The machines behind a node pool.
  'microsoft.compute/virtualmachinescalesets': 'azurerm_kubernetes_cluster_node_pool',
}

const holdsData: ReadonlySet<string> = new Set([
  'azurerm_container_registry',
  'azurerm_key_vault',
  'azurerm_managed_disk',
  'azurerm_mssql_database',
  'azurerm_mssql_server',
  'azurerm_postgresql_flexible_server',
  'azurerm_snapshot',
  'azurerm_storage_account',
])

/**
 * Every resource group and resource with the platform's tag, and what has none but stands in the platform's own groups,
 * AKS's of machines included. Asks Resource Manager only, so it also finds what terraform and mlp forgot.
 */
export async function* inventory(platform: AzurePlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  const arm = await platform.arm()
  const base = `/subscriptions/${platform.subscriptionId}`
  const filter = {
    $filter: `tagName eq 'mlp-platform-id' and tagValue eq '${platform.options.platformId}'`,
  }
  const { nodeResourceGroup } = platform.names
  const [groups, ...resources] = await Promise.all([
    arm.list(`${base}/resourcegroups`, '2024-03-01', resource, signal, filter),
    arm.list(`${base}/resources`, '2024-03-01', resource, signal, filter),
    arm.list(`${platform.resourceGroupId}/resources`, '2024-03-01', resource, signal),
    arm.list(`${base}/resourceGroups/${nodeResourceGroup}/resources`, '2024-03-01', resource, signal),
  ])
  const seen = new Set<string>()
  yield* ownBudget(platform, signal)
  for (const { id, name, type, managedBy } of [...groups, ...resources.flat()]) {
    if (seen.has(id.toLowerCase())) continue
    seen.add(id.toLowerCase())
    // A group that AKS manages is part of its cluster, and goes with it.
    const isCluster = managedBy && type.toLowerCase() === 'microsoft.resources/resourcegroups'
    const known = isCluster ? 'azurerm_kubernetes_cluster' : (terraformTypes[type.toLowerCase()] ?? type)
    yield { type: known, id, name, holdsData: holdsData.has(known) }
  }
}
