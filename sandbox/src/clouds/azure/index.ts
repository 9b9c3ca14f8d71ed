import { clusterAdminsGroup } from '../../kubernetes/rbac.ts'
import type { SimulatedCloud } from '../../simulated-cloud.ts'
import type { World } from '../../world.ts'
import { handle } from './api/server.ts'
import { isWithin, lastSegment } from './arm-id.ts'
import { requiredText, text } from './attributes.ts'
import { commandLineEnvironment } from './command-line.ts'
import { clientConfig } from './data-sources.ts'
import { aksAudience, checkToken } from './tokens.ts'
import { azureTypes } from './types.ts'

/** The simulated Azure: azurerm's types, Entra, Resource Manager, and AKS tokens. */
export const azure: SimulatedCloud = {
  name: 'azure',
  provider: 'azurerm',
  providerVersion: '5.2.0',
  behaviours: azureTypes.map(type => type.behaviour),
  dataSources: [clientConfig],
  handle,
  async reviewToken(token, clusterName, world) {
    const verdict = checkToken(world, token, [aksAudience])
    if (!verdict.valid) return undefined
    const { oid } = verdict.claims
    return {
      username: oid,
      groups: [
        'system:authenticated',
        ...(isClusterAdmin(oid, clusterName, world) ? [clusterAdminsGroup] : []),
      ],
    }
  },
  commandLineEnvironment,
  target(world) {
    const { azureSubscriptionId, azureTenantId, azureClientId, azureClientSecret, azureStorageAccountKey } =
      world.secrets
    return {
      account: azureSubscriptionId,
      environment: {
        AZURE_TENANT_ID: azureTenantId,
        AZURE_CLIENT_ID: azureClientId,
        AZURE_CLIENT_SECRET: azureClientSecret,
        AZURE_AUTHORITY_HOST: world.endpoints.azure,
        // terraform's state and images are reached by their real host names, through the proxy.
        ARM_ACCESS_KEY: azureStorageAccountKey,
        HTTPS_PROXY: world.endpoints.proxy,
        SSL_CERT_FILE: world.caFile,
      },
      endpoints: {
        arm: world.endpoints.azure,
        logAnalytics: world.endpoints.azure,
        prices: world.endpoints.azure,
      },
      backend: {},
    }
  },
}

/** Azure RBAC: the role on the cluster itself or on anything that contains it. */
function isClusterAdmin(objectId: string, clusterName: string, world: World): boolean {
  const cluster = world.store
    .list('azurerm_kubernetes_cluster')
    .find(candidate => lastSegment(candidate.id) === clusterName)
  return (
    cluster !== undefined &&
    world.store
      .list('azurerm_role_assignment')
      .some(
        ({ attributes }) =>
          text(attributes, 'principal_id') === objectId &&
          text(attributes, 'role_definition_name') === 'Azure Kubernetes Service RBAC Cluster Admin' &&
          isWithin(cluster.id, requiredText(attributes, 'scope')),
      )
  )
}
