import type { World } from '../../../world.ts'
import type { ArmResponse } from './exchange.ts'

/** What clients ask to learn a cloud's endpoints: `az cloud register`, terraform's metadata_host. */
export function cloudMetadata(world: World): ArmResponse {
  const base = world.endpoints.azure
  return {
    status: 200,
    body: {
      name: 'mlp',
      portal: base,
      resourceManager: base,
      authentication: {
        loginEndpoint: base,
        audiences: ['https://management.core.windows.net/', 'https://management.azure.com/'],
        tenant: 'common',
        identityProvider: 'AAD',
      },
      media: base,
      graphAudience: base,
      graph: base,
      suffixes: {
        storage: 'core.windows.net',
        keyVaultDns: 'vault.azure.net',
        sqlServerHostname: 'database.windows.net',
        postgresqlServerEndpoint: 'postgres.database.azure.com',
        acrLoginServer: 'azurecr.io',
      },
      microsoftGraphResourceId: base,
    },
  }
}
