import type { DataSourceBehaviour } from '../../behaviour.ts'
import { subscriptionOf } from './azure-type.ts'
import { servicePrincipalObjectId } from './principal.ts'

export const clientConfig: DataSourceBehaviour = {
  type: 'azurerm_client_config',
  source: 'https://registry.terraform.io/providers/hashicorp/azurerm/5.2.0/docs/data-sources/client_config',
  async read(_configured, scope) {
    const { azureTenantId, azureClientId } = scope.world.secrets
    const subscription = subscriptionOf(scope)
    const objectId = servicePrincipalObjectId(scope.world)
    return {
      id: Buffer.from(
        `clientConfigs/clientId=${azureClientId};objectId=${objectId};subscriptionId=${subscription};tenantId=${azureTenantId}`,
      ).toString('base64'),
      client_id: azureClientId,
      object_id: objectId,
      subscription_id: subscription,
      tenant_id: azureTenantId,
    }
  },
}
