import type { TokenCredential } from '@azure/identity'
import type { CloudTarget } from '../target.ts'

export const publicArmEndpoint = 'https://management.azure.com'

/**
 * A service principal where the target names one, else whatever the Azure SDK finds (environment, workload identity,
 * `az login`). `AZURE_AUTHORITY_HOST` of the target is trusted without asking the public instance list for it.
 */
export async function createCredential(
  target: CloudTarget,
  tenantId: string | undefined,
): Promise<TokenCredential> {
  const {
    AZURE_TENANT_ID: tenant = tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: clientSecret,
    AZURE_AUTHORITY_HOST: authorityHost,
  } = target.environment
  if (tenant === undefined || clientId === undefined || clientSecret === undefined) {
    const { DefaultAzureCredential } = await import('./default-credential.ts')
    return new DefaultAzureCredential(tenantId === undefined ? {} : { tenantId })
  }
  const { ClientSecretCredential } = await import('./secret-credential.ts')
  return new ClientSecretCredential(
    tenant,
    clientId,
    clientSecret,
    authorityHost === undefined ? {} : { authorityHost, disableInstanceDiscovery: true },
  )
}
