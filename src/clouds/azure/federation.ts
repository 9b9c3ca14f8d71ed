import * as z from 'zod'
import type { AzurePlatform } from './platform.ts'

const apiVersion = '2024-11-30'
const answer = z.looseObject({ id: z.string() })

export async function missingTrust(platform: AzurePlatform, signal: AbortSignal): Promise<readonly string[]> {
  const { identities } = platform.names
  const arm = await platform.arm()
  const there = async (id: string) => (await arm.get(id, apiVersion, answer, signal)) !== undefined
  const missing = [identities.pipelineDeploy, identities.pipelineRead].map(async name => {
    const id = `${platform.resourceGroupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`
    if (!(await there(id))) return [`the identity ${name}`]
    const credential = `${id}/federatedIdentityCredentials/github`
    return (await there(credential)) ? [] : [`the federated credential github of ${name}`]
  })
  return (await Promise.all(missing)).flat()
}
