import type { Config } from '../../config/schema.ts'
import type { Billed } from '../costs.ts'
import { databaseLines } from './billed-database.ts'
import type { Meter } from './meter.ts'
import { sizes } from './sizes.ts'
import { azureConfig } from './variables.ts'

type Line = Billed<Meter>

/**
 * What templates/terraform/azure makes and Azure bills, with its meter. Names of meters as infracost maps them
 * (https://github.com/infracost/infracost/tree/master/internal/resources/azure) and the list itself answers.
 */
export function billed(config: Config): readonly Line[] {
  return [...foundation(config), ...cluster(config)]
}

function foundation(config: Config): readonly Line[] {
  const size = sizes[config.environment]
  const root = 'foundation' as const
  const one = { root, instances: 1, amount: '1' }
  const endpoints = [
    ['azurerm_private_endpoint.blob', 'private endpoint of the storage account'],
    ['azurerm_private_endpoint.cache', 'private endpoint of the cache'],
    ...(config.database.engine === 'azure-sql'
      ? [['azurerm_private_endpoint.sql', 'private endpoint of the database'] as const]
      : []),
  ] as const
  const [family = '', cacheSize = ''] = size.cache_sku.split('_')
  const cacheNodes = size.cache_replicated ? 2 : 1
  return [
    {
      ...one,
      address: 'azurerm_nat_gateway.main',
      what: 'NAT gateway',
      parts: [
        {
          query: { serviceName: 'NAT Gateway', meterName: 'Standard Gateway', isWorldwide: true },
          quantity: 1,
        },
      ],
    },
    {
      ...one,
      address: 'azurerm_public_ip.nat',
      what: 'public address of the NAT gateway',
      parts: [
        {
          query: {
            serviceName: 'Virtual Network',
            productName: 'IP Addresses',
            meterName: 'Standard IPv4 Static Public IP',
          },
          quantity: 1,
        },
      ],
    },
    ...databaseLines(config),
    {
      ...one,
      address: 'azurerm_managed_redis.main',
      what: `cache, ${size.cache_sku}${cacheNodes > 1 ? ' in two zones' : ''}`,
      amount: String(cacheNodes),
      parts: [
        {
          query: {
            serviceName: 'Redis Cache',
            productName: `Azure Managed Redis - ${family}`,
            meterName: `${cacheSize} Cache Instance`,
          },
          quantity: cacheNodes,
        },
      ],
    },
    {
      ...one,
      address: 'azurerm_container_registry.main',
      what: `registry, ${size.registry_sku}`,
      parts: [
        {
          query: {
            serviceName: 'Container Registry',
            productName: 'Container Registry',
            meterName: `${size.registry_sku} Registry Unit`,
          },
          quantity: 1,
        },
      ],
    },
    ...endpoints.map(([address, what]) => ({
      ...one,
      address,
      what,
      parts: [
        {
          query: {
            serviceName: 'Virtual Network',
            productName: 'Virtual Network Private Link',
            meterName: 'Standard Private Endpoint',
            isWorldwide: true as const,
          },
          quantity: 1,
        },
      ],
    })),
    {
      root,
      address: 'azurerm_private_dns_zone.main',
      instances: 3,
      what: 'private DNS zones',
      amount: '3',
      parts: [
        { query: { serviceName: 'Azure DNS', meterName: 'Private Zone', isWorldwide: true }, quantity: 3 },
      ],
    },
    ...(size.protected
      ? [
          {
            ...one,
            address: 'azurerm_key_vault_key.cluster',
            what: 'HSM key of the cluster',
            parts: [
              {
                query: {
                  serviceName: 'Key Vault',
                  meterName: 'Premium HSM-protected Advanced Key',
                },
                quantity: 1,
              },
            ],
          },
        ]
      : []),
    {
      ...one,
      address: 'azurerm_storage_account.main',
      what: `objects in the storage account (${size.storage_replication})`,
      byUse: 'GB a month',
      parts: [
        {
          query: {
            serviceName: 'Storage',
            productName: 'Blob Storage',
            skuName: `Hot ${size.storage_replication}`,
            meterName: `Hot ${size.storage_replication} Data Stored`,
          },
          quantity: 1,
        },
      ],
    },
    {
      ...one,
      address: 'azurerm_log_analytics_workspace.main',
      what: 'logs taken in',
      byUse: 'GB',
      parts: [
        {
          query: {
            serviceName: 'Log Analytics',
            skuName: 'Analytics Logs',
            meterName: 'Analytics Logs Data Ingestion',
          },
          quantity: 1,
        },
      ],
    },
    {
      ...one,
      address: 'azurerm_key_vault.main',
      what: 'operations of the key vault',
      byUse: '10,000 operations',
      parts: [
        {
          query: {
            serviceName: 'Key Vault',
            skuName: size.protected ? 'Premium' : 'Standard',
            meterName: 'Operations',
          },
          quantity: 1,
        },
      ],
    },
    {
      ...one,
      address: 'azurerm_nat_gateway.main',
      what: 'data through the NAT gateway',
      byUse: 'GB',
      parts: [
        {
          query: { serviceName: 'NAT Gateway', meterName: 'Standard Data Processed', isWorldwide: true },
          quantity: 1,
        },
      ],
    },
  ]
}

function cluster(config: Config): readonly Line[] {
  const { nodes, gpuNodes } = azureConfig(config)
  const isFree = config.environment === 'dev'
  // As `regular_nodes` in templates/terraform/azure/cluster/locals.tf.
  const regular = nodes.spot ? Math.min(nodes.min, config.environment === 'prod' ? 3 : 1) : nodes.min
  const address = 'azurerm_kubernetes_cluster.main'
  return [
    ...(isFree
      ? []
      : [
          {
            root: 'cluster' as const,
            address,
            instances: 1,
            what: 'AKS control plane, tier Standard',
            amount: '1',
            parts: [
              {
                query: { serviceName: 'Azure Kubernetes Service', meterName: 'Standard Uptime SLA' },
                quantity: 1,
              },
            ],
          },
        ]),
    ...pool(address, 'system', nodes.type, false, { min: regular, max: nodes.spot ? regular : nodes.max }),
    ...(nodes.spot
      ? pool('azurerm_kubernetes_cluster_node_pool.spot', 'general', nodes.type, true, {
          min: nodes.min - regular,
          max: nodes.max - regular,
        })
      : []),
    ...(gpuNodes === undefined
      ? []
      : pool('azurerm_kubernetes_cluster_node_pool.gpu', 'gpu', gpuNodes.type, gpuNodes.spot, gpuNodes)),
  ]
}

function pool(
  address: string,
  name: string,
  type: string,
  spot: boolean,
  { min, max }: { readonly min: number; readonly max: number },
): readonly Line[] {
  const disk = osDisk(type)
  const line = { root: 'cluster', address, instances: 1, amount: String(min) } as const
  return [
    {
      ...line,
      what: `nodes ${name}, ${type}${spot ? ', spot' : ''}`,
      parts: [
        { query: { serviceName: 'Virtual Machines', armSkuName: type, spot }, quantity: min, most: max },
      ],
    },
    {
      ...line,
      what: `disks of the nodes ${name}, ${disk}`,
      parts: [
        {
          query: {
            serviceName: 'Storage',
            productName: 'Premium SSD Managed Disks',
            skuName: `${disk} LRS`,
            meterName: `${disk} LRS Disk`,
          },
          quantity: min,
          most: max,
        },
      ],
    },
  ]
}

/** AKS's own choice by vCPUs, which are the first number of a type's name: https://learn.microsoft.com/azure/aks/concepts-storage */
function osDisk(type: string): 'P10' | 'P15' | 'P20' | 'P30' {
  const cpus = Number(/\d+/.exec(type)?.[0] ?? 0)
  if (cpus < 8) return 'P10'
  if (cpus < 16) return 'P15'
  return cpus < 64 ? 'P20' : 'P30'
}

/** Types of the templates that cost nothing by themselves; what is in neither list fails a test. */
export const freeTypes = [
  'azurerm_consumption_budget_subscription',
  'azurerm_federated_identity_credential',
  'azurerm_managed_redis_access_policy_assignment',
  'azurerm_management_lock',
  'azurerm_monitor_diagnostic_setting',
  'azurerm_mssql_server',
  'azurerm_nat_gateway_public_ip_association',
  'azurerm_network_security_group',
  'azurerm_postgresql_flexible_server_active_directory_administrator',
  'azurerm_postgresql_flexible_server_configuration',
  'azurerm_postgresql_flexible_server_database',
  'azurerm_private_dns_zone_virtual_network_link',
  'azurerm_resource_group',
  'azurerm_role_assignment',
  'azurerm_storage_container',
  'azurerm_storage_management_policy',
  'azurerm_subnet',
  'azurerm_subnet_nat_gateway_association',
  'azurerm_subnet_network_security_group_association',
  'azurerm_user_assigned_identity',
  'azurerm_virtual_network',
] as const
