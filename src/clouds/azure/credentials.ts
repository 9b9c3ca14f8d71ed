import type { TokenCredential } from '@azure/identity'
import { gitHubToken, isGitHubJob } from '../github-identity.ts'
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
    if (isGitHubJob() && process.env['AZURE_CLIENT_ID'] && !process.env['AZURE_CLIENT_SECRET'])
      return await jobCredential(process.env['AZURE_CLIENT_ID'], tenantId, authorityHost)
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

/** The managed identity that Entra gives a job of GitHub's; the job's own token lives for minutes, so each use gets one. */
async function jobCredential(
  clientId: string,
  tenantId: string | undefined,
  authorityHost: string | undefined,
): Promise<TokenCredential> {
  const { ClientAssertionCredential } = await import('./assertion-credential.ts')
  return new ClientAssertionCredential(
    process.env['AZURE_TENANT_ID'] || tenantId || '',
    clientId,
    () => gitHubToken('api://AzureADTokenExchange'),
    authorityHost === undefined ? {} : { authorityHost, disableInstanceDiscovery: true },
  )
}
