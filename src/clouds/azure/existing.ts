import * as z from 'zod'
import type { AzureNames } from '../../config/names.ts'
import type { PlannedResource } from '../cloud.ts'
import type { ArmClient } from './arm-client.ts'
import type { AzurePlatform } from './platform.ts'

interface Search {
  readonly platform: AzurePlatform
  readonly arm: ArmClient
  readonly resource: PlannedResource
  /** `nodes` of `azurerm_subnet.nodes[0]`. */
  readonly label: string
  /** `blob` of `azurerm_private_dns_zone.main["blob"]`. */
  readonly key: string | undefined
  readonly signal: AbortSignal
}

/** Where a type is in Resource Manager. `path` is below our resource group unless it begins with '/'. */
interface Place {
  readonly apiVersion: string
  path(search: Search): string | undefined
}

const tagged = z.object({ id: z.string(), tags: z.record(z.string(), z.string()).nullish() })

/**
 * The import id of what terraform plans to create and what is there already. Names are ours, so ids follow from them
 * although a plan does not know its references yet; what has tags must carry our platform id, and what has none must
 * lie within our resource group.
 */
export async function findExisting(
  platform: AzurePlatform,
  resource: PlannedResource,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { label, key } = readAddress(resource.address)
  const search: Search = { platform, arm: await platform.arm(), resource, label, key, signal }
  const special = specials[resource.type]
  if (special !== undefined)
    return (await isOurs(search, platform.resourceGroupId)) ? special(search) : undefined
  const id = plainId(search)
  const place = places[resource.type]
  if (id === undefined || place === undefined) return undefined
  const found = await search.arm.get(id, place.apiVersion, tagged, signal)
  if (found === undefined) return undefined
  if (found.tags) return found.tags['mlp-platform-id'] === platform.options.platformId ? id : undefined
  return (await isOurs(search, platform.resourceGroupId)) ? id : undefined
}

/** Where Resource Manager keeps a planned resource; undefined for what is no resource of its own there. */
export async function placeOf(
  platform: AzurePlatform,
  resource: PlannedResource,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly apiVersion: string } | undefined> {
  const search = { platform, arm: await platform.arm(), resource, ...readAddress(resource.address), signal }
  const [id, place] = [plainId(search), places[resource.type]]
  return id === undefined || place === undefined ? undefined : { id, apiVersion: place.apiVersion }
}

async function isOurs({ arm, platform, signal }: Search, group: string): Promise<boolean> {
  const found = await arm.get(group, '2024-03-01', tagged, signal)
  return found?.tags?.['mlp-platform-id'] === platform.options.platformId
}

function plainId(search: Search): string | undefined {
  const path = places[search.resource.type]?.path(search)
  return path === undefined || path.startsWith('/')
    ? path
    : `${search.platform.resourceGroupId}/providers/${path}`
}

const network = '2024-05-01'
const postgresql = '2024-08-01'
const storage = '2024-01-01'
const redis = '2025-04-01'
const aks = '2025-05-01'

/** Types whose ARM id follows from names alone. */
const places: Readonly<Record<string, Place>> = {
  azurerm_resource_group: { apiVersion: '2024-03-01', path: ({ platform }) => platform.resourceGroupId },
  azurerm_consumption_budget_subscription: {
    apiVersion: '2024-08-01',
    path: ({ platform, resource }) =>
      `/subscriptions/${platform.subscriptionId}/providers/Microsoft.Consumption/budgets/${text(resource, 'name')}`,
  },
  azurerm_virtual_network: named(network, 'Microsoft.Network/virtualNetworks'),
  azurerm_subnet: {
    apiVersion: network,
    path: search =>
      below(search, `Microsoft.Network/virtualNetworks/${search.platform.names.virtualNetwork}/subnets`),
  },
  azurerm_network_security_group: named(network, 'Microsoft.Network/networkSecurityGroups'),
  azurerm_public_ip: named(network, 'Microsoft.Network/publicIPAddresses'),
  azurerm_nat_gateway: named(network, 'Microsoft.Network/natGateways'),
  azurerm_private_endpoint: named(network, 'Microsoft.Network/privateEndpoints'),
  azurerm_private_dns_zone: named('2024-06-01', 'Microsoft.Network/privateDnsZones'),
  azurerm_private_dns_zone_virtual_network_link: {
    apiVersion: '2024-06-01',
    path: search =>
      below(search, `Microsoft.Network/privateDnsZones/${zoneName(search)}/virtualNetworkLinks`),
  },
  azurerm_user_assigned_identity: named('2024-11-30', 'Microsoft.ManagedIdentity/userAssignedIdentities'),
  azurerm_federated_identity_credential: {
    apiVersion: '2024-11-30',
    path: ({ resource, platform, key }) => {
      const identity = key === undefined ? undefined : serviceIdentity(platform.names, key)
      const name = text(resource, 'name')
      return identity && name
        ? `Microsoft.ManagedIdentity/userAssignedIdentities/${identity}/federatedIdentityCredentials/${name}`
        : undefined
    },
  },
  azurerm_key_vault: named('2024-11-01', 'Microsoft.KeyVault/vaults'),
  azurerm_log_analytics_workspace: named('2023-09-01', 'Microsoft.OperationalInsights/workspaces'),
  azurerm_container_registry: named('2023-07-01', 'Microsoft.ContainerRegistry/registries'),
  azurerm_managed_redis: named(redis, 'Microsoft.Cache/redisEnterprise'),
  azurerm_storage_account: named(storage, 'Microsoft.Storage/storageAccounts'),
  azurerm_storage_container: {
    apiVersion: storage,
    path: search => below(search, `${storageAccount(search)}/blobServices/default/containers`),
  },
  azurerm_storage_management_policy: {
    apiVersion: storage,
    path: search => `${storageAccount(search)}/managementPolicies/default`,
  },
  azurerm_postgresql_flexible_server: named(postgresql, 'Microsoft.DBforPostgreSQL/flexibleServers'),
  azurerm_postgresql_flexible_server_database: {
    apiVersion: postgresql,
    path: search => below(search, `${postgresqlServer(search)}/databases`),
  },
  azurerm_postgresql_flexible_server_configuration: {
    apiVersion: postgresql,
    path: search => below(search, `${postgresqlServer(search)}/configurations`),
  },
  azurerm_mssql_server: named('2021-11-01', 'Microsoft.Sql/servers'),
  azurerm_mssql_database: {
    apiVersion: '2021-11-01',
    path: search => below(search, `Microsoft.Sql/servers/${search.platform.names.sqlServer}/databases`),
  },
  azurerm_kubernetes_cluster: named(aks, 'Microsoft.ContainerService/managedClusters'),
  azurerm_kubernetes_cluster_node_pool: {
    apiVersion: aks,
    path: search =>
      below(search, `Microsoft.ContainerService/managedClusters/${search.platform.names.cluster}/agentPools`),
  },
  azurerm_management_lock: {
    apiVersion: '2020-05-01',
    path: search => below(search, `${lockedResource(search)}/providers/Microsoft.Authorization/locks`),
  },
}

const associated = z.object({
  properties: z.object({
    natGateway: z.object({ id: z.string() }).optional(),
    networkSecurityGroup: z.object({ id: z.string() }).optional(),
    publicIpAddresses: z.array(z.object({ id: z.string() })).default([]),
  }),
})
const principal = z.object({ properties: z.object({ principalId: z.string() }) })
const redisAssignment = z.object({
  name: z.string(),
  properties: z.object({ user: z.object({ objectId: z.string() }) }),
})
const administrator = z.object({ name: z.string(), properties: z.object({ principalName: z.string() }) })
const key = z.object({ properties: z.object({ keyUriWithVersion: z.string() }) })
const assignment = z.object({ name: z.string(), properties: z.object({ scope: z.string() }) })
const exists = z.object({ id: z.string() })

/** Types that need a second look: associations, and ids that hold what only Azure knows. */
const specials: Readonly<Record<string, (search: Search) => Promise<string | undefined>>> = {
  async azurerm_nat_gateway_public_ip_association({ arm, platform, signal }) {
    const base = `${platform.resourceGroupId}/providers/Microsoft.Network`
    const gateway = `${base}/natGateways/${platform.names.natGateway}`
    const address = `${base}/publicIPAddresses/${platform.names.natPublicIp}`
    const found = await arm.get(gateway, network, associated, signal)
    return found?.properties.publicIpAddresses.some(({ id }) => same(id, address))
      ? `${gateway}|${address}`
      : undefined
  },
  async azurerm_subnet_nat_gateway_association(search) {
    const id = labelledSubnet(search)
    const found = await search.arm.get(id, network, associated, search.signal)
    return found?.properties.natGateway === undefined ? undefined : id
  },
  async azurerm_subnet_network_security_group_association(search) {
    const id = labelledSubnet(search)
    const found = await search.arm.get(id, network, associated, search.signal)
    return found?.properties.networkSecurityGroup === undefined ? undefined : id
  },
  async azurerm_key_vault_key({ arm, platform, resource, signal }) {
    const path = `${platform.resourceGroupId}/providers/Microsoft.KeyVault/vaults/${platform.names.keyVault}/keys/${text(resource, 'name')}`
    return (await arm.get(path, '2024-11-01', key, signal))?.properties.keyUriWithVersion
  },
  async azurerm_postgresql_flexible_server_active_directory_administrator(search) {
    const base = `${search.platform.resourceGroupId}/providers/${postgresqlServer(search)}/administrators`
    const all = await search.arm.list(base, postgresql, administrator, search.signal)
    const ours = all.find(
      ({ properties }) => properties.principalName === text(search.resource, 'principal_name'),
    )
    return ours && `${base}/${ours.name}`
  },
  async azurerm_managed_redis_access_policy_assignment({ arm, platform, label, signal }) {
    const providers = `${platform.resourceGroupId}/providers`
    const name = serviceIdentity(platform.names, label.replaceAll('_', '-'))
    const identity = await arm.get(
      `${providers}/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`,
      '2024-11-30',
      principal,
      signal,
    )
    if (identity === undefined) return undefined
    const base = `${providers}/Microsoft.Cache/redisEnterprise/${platform.names.cache}/databases/default/accessPolicyAssignments`
    const all = await arm.list(base, redis, redisAssignment, signal)
    const ours = all.find(({ properties }) => properties.user.objectId === identity.properties.principalId)
    return ours && `${base}/${ours.name}`
  },
  async azurerm_role_assignment({ arm, platform, resource, signal }) {
    // The plan knows the name, a UUID made from the platform's id; only Azure knows the scope.
    const name = text(resource, 'name')
    const all = await arm.list(
      `/subscriptions/${platform.subscriptionId}/providers/Microsoft.Authorization/roleAssignments`,
      '2022-04-01',
      assignment,
      signal,
    )
    const ours = all.find(candidate => same(candidate.name, name ?? ''))
    return ours && `${ours.properties.scope}/providers/Microsoft.Authorization/roleAssignments/${ours.name}`
  },
  async azurerm_monitor_diagnostic_setting({ arm, platform, resource, label, signal }) {
    const target =
      label === 'key_vault'
        ? `Microsoft.KeyVault/vaults/${platform.names.keyVault}`
        : `Microsoft.ContainerService/managedClusters/${platform.names.cluster}`
    const id = `${platform.resourceGroupId}/providers/${target}`
    const name = text(resource, 'name')
    const path = `${id}/providers/Microsoft.Insights/diagnosticSettings/${name}`
    return (await arm.get(path, '2021-05-01-preview', exists, signal)) === undefined
      ? undefined
      : `${id}|${name}`
  },
}

/** Types that `findExisting` can find; the templates may hold no others. */
export const findableTypes: readonly string[] = [...Object.keys(places), ...Object.keys(specials)]

function named(apiVersion: string, collection: string): Place {
  return { apiVersion, path: search => below(search, collection) }
}

function below({ resource }: Search, collection: string): string | undefined {
  const name = text(resource, 'name')
  return name === undefined ? undefined : `${collection}/${name}`
}

function storageAccount({ platform }: Search): string {
  return `Microsoft.Storage/storageAccounts/${platform.names.storageAccount}`
}

function postgresqlServer({ platform }: Search): string {
  return `Microsoft.DBforPostgreSQL/flexibleServers/${platform.names.database}`
}

function lockedResource(search: Search): string {
  if (search.key === 'storage') return storageAccount(search)
  return usesAzureSql(search)
    ? `Microsoft.Sql/servers/${search.platform.names.sqlServer}`
    : postgresqlServer(search)
}

/** The zones of templates/terraform/azure/foundation/dns.tf by their keys. */
function zoneName(search: Search): string {
  if (search.key === 'blob') return 'privatelink.blob.core.windows.net'
  if (search.key === 'cache') return 'privatelink.redis.azure.net'
  return usesAzureSql(search) ? 'privatelink.database.windows.net' : search.platform.names.databaseDnsZone
}

function usesAzureSql({ platform }: Search): boolean {
  return platform.options.config.database.engine === 'azure-sql'
}

/** Associations are labelled like the subnet they belong to: `private_endpoints` for `private-endpoints`. */
function labelledSubnet({ platform, label }: Search): string {
  return `${platform.resourceGroupId}/providers/Microsoft.Network/virtualNetworks/${platform.names.virtualNetwork}/subnets/${label.replaceAll('_', '-')}`
}

function serviceIdentity(names: AzureNames, service: string): string | undefined {
  const identities: Readonly<Record<string, string>> = {
    'api-gateway': names.identities.apiGateway,
    'model-serving': names.identities.modelServing,
    'data-sync': names.identities.dataSync,
    mlflow: names.identities.mlflow,
    'database-admin': names.identities.databaseAdmin,
    // Of the root `delivery`, by purpose.
    deploy: names.identities.pipelineDeploy,
    read: names.identities.pipelineRead,
  }
  return identities[service]
}

function readAddress(address: string): { readonly label: string; readonly key: string | undefined } {
  const [, label = '', key] = /\.([A-Za-z0-9_-]+)(?:\[(?:"([^"]*)"|\d+)\])?$/.exec(address) ?? []
  return { label, key }
}

function text(resource: PlannedResource, attribute: string): string | undefined {
  const value = resource.values[attribute]
  return typeof value === 'string' ? value : undefined
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
