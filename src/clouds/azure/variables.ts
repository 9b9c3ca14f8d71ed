import * as z from 'zod'
import { azureNames } from '../../config/names.ts'
import type { AzureConfig, Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import type { JsonObject } from '../../engine/json.ts'
import { budgetOf } from '../budget.ts'
import { dataSyncSubject, type RootName } from '../cloud.ts'
import { budgetGroups } from './budget-groups.ts'

/** What the root `peers` takes of the foundation's outputs. */
const peersSchema = z.object({
  tenant_id: z.string(),
  identities: z.object({ data_sync: z.object({ id: z.string(), client_id: z.string() }) }),
})

/** Values of the variables of templates/terraform/azure/<root>; `foundation` holds that root's outputs. */
export function azureVariables(
  root: RootName,
  config: Config,
  platformId: string,
  foundation: JsonObject | undefined,
): JsonObject {
  const azure = azureConfig(config)
  const names = azureNames(config)
  const common = {
    platform_id: platformId,
    project: config.project,
    environment: config.environment,
    owner: config.owner,
    subscription_id: azure.subscriptionId,
    location: azure.location,
  }
  if (root === 'delivery') {
    const group = (name: string) => `/subscriptions/${azure.subscriptionId}/resourceGroups/${name}`
    const ours = `${group(names.resourceGroup)}/providers`
    return {
      ...common,
      names: {
        resource_group: names.resourceGroup,
        identities: { deploy: names.identities.pipelineDeploy, read: names.identities.pipelineRead },
      },
      scopes: {
        resource_group: group(names.resourceGroup),
        cluster: `${ours}/Microsoft.ContainerService/managedClusters/${names.cluster}`,
        registry: `${ours}/Microsoft.ContainerRegistry/registries/${names.registry}`,
        subscription: `/subscriptions/${azure.subscriptionId}`,
        state: `${group(names.stateResourceGroup)}/providers/Microsoft.Storage/storageAccounts/${names.stateStorageAccount}`,
      },
      subjects: foundation?.['subjects'] ?? {},
    }
  }
  if (root === 'peers') {
    const known = peersSchema.safeParse(foundation).data
    return {
      subscription_id: azure.subscriptionId,
      tenant_id: known?.tenant_id ?? '',
      identity: known?.identities.data_sync ?? { id: '', client_id: '' },
      issuers: foundation?.['issuers'] ?? {},
      subject: dataSyncSubject,
    }
  }
  if (root === 'foundation')
    return {
      ...common,
      network_cidr: azure.network.cidr,
      database_engine: config.database.engine,
      budget: budgetParts(config),
      names: {
        resource_group: names.resourceGroup,
        virtual_network: names.virtualNetwork,
        network_security_group: names.networkSecurityGroup,
        nat_gateway: names.natGateway,
        nat_public_ip: names.natPublicIp,
        registry: names.registry,
        storage_account: names.storageAccount,
        key_vault: names.keyVault,
        cluster_key: names.keys.cluster,
        database_server: names.database,
        database_dns_zone: names.databaseDnsZone,
        sql_server: names.sqlServer,
        database: names.databaseName,
        cache: names.cache,
        log_analytics: names.logAnalytics,
        identities: {
          cluster: names.identities.cluster,
          kubelet: names.identities.kubelet,
          api_gateway: names.identities.apiGateway,
          model_serving: names.identities.modelServing,
          data_sync: names.identities.dataSync,
          mlflow: names.identities.mlflow,
          database_admin: names.identities.databaseAdmin,
        },
      },
    }
  return {
    ...common,
    kubernetes_version: azure.kubernetesVersion,
    pod_cidr: azure.network.pods,
    service_cidr: azure.network.services,
    nodes: azure.nodes,
    gpu_nodes: azure.gpuNodes ?? null,
    names: {
      cluster: names.cluster,
      dns_prefix: names.dnsPrefix,
      node_resource_group: names.nodeResourceGroup,
      node_pools: names.nodePools,
    },
    foundation: foundation ?? null,
  }
}

/** The sum is in whatever the subscription is billed in. */
function budgetParts(config: Config): JsonObject | null {
  const wanted = budgetOf(config)
  if (wanted === undefined) return null
  const names = azureNames(config)
  const groups = [...budgetGroups(names)]
  return { name: names.base, amount: wanted.amount, notify: [...wanted.notify], groups }
}

/** The configuration's Azure part. Throws MLP1010 when the platform has none. */
export function azureConfig(config: Config): AzureConfig {
  const azure = config.clouds.azure
  if (azure !== undefined) return azure
  throw new MlpError({
    code: 'MLP1010',
    summary: 'Azure was asked for, but mlp.yaml has no clouds.azure.',
    remedy: ['Add `azure:` under `clouds:` in mlp.yaml, or leave Azure out with --cloud.'],
  })
}
