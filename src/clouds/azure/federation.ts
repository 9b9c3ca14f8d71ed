import * as z from 'zod'
import type { AzurePlatform } from './platform.ts'

const apiVersion = '2024-11-30'
const answer = z.looseObject({ id: z.string() })

export async function missingTrust(platform: AzurePlatform, signal: AbortSignal): Promise<readonly string[]> {
  const { identities } = platform.names
  const arm = await platform.arm()
  const missing = [identities.pipelineDeploy, identities.pipelineRead].map(async name =>
    (await arm.get(identityId(platform, name), apiVersion, answer, signal)) === undefined
      ? [`the identity ${name}`]
      : await missingCredential(platform, name, 'github', signal),
  )
  return (await Promise.all(missing)).flat()
}

/** The federated credential of a managed identity, in words, where it is not there. */
export async function missingCredential(
  platform: AzurePlatform,
  identity: string,
  credential: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const arm = await platform.arm()
  const id = `${identityId(platform, identity)}/federatedIdentityCredentials/${credential}`
  const found = await arm.get(id, apiVersion, answer, signal)
  return found === undefined ? [`the federated credential ${credential} of ${identity}`] : []
}

function identityId({ resourceGroupId }: AzurePlatform, name: string): string {
  return `${resourceGroupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`
}
