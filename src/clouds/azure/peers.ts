import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { type CloudName, noSettings, peerTokenFile, type ServiceSettings } from '../cloud.ts'
import type { AzurePlatform } from './platform.ts'

const issuerSchema = z.object({ cluster: z.object({ oidc_issuer_url: z.string() }) })
const outputsSchema = z.object({ client_id: z.string(), tenant_id: z.string() })
const apiVersion = '2024-11-30'
const answer = z.looseObject({ id: z.string() })

export function tokenIssuer(outputs: JsonObject): string | undefined {
  return issuerSchema.safeParse(outputs).data?.cluster.oidc_issuer_url
}

/** https://learn.microsoft.com/javascript/api/@azure/identity/workloadidentitycredential */
export function peerSettings(outputs: JsonObject, _peer: CloudName): ServiceSettings {
  const known = outputsSchema.safeParse(outputs).data
  if (known === undefined) return noSettings
  return {
    environment: {
      AZURE_CLIENT_ID: known.client_id,
      AZURE_TENANT_ID: known.tenant_id,
      AZURE_FEDERATED_TOKEN_FILE: peerTokenFile('azure'),
      AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
    },
    files: {},
  }
}

export async function missingPeerTrust(
  platform: AzurePlatform,
  peers: readonly CloudName[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const arm = await platform.arm()
  const identity = `${platform.resourceGroupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${platform.names.identities.dataSync}`
  const missing = peers.map(async cloud => {
    const id = `${identity}/federatedIdentityCredentials/cluster-${cloud}`
    const found = await arm.get(id, apiVersion, answer, signal)
    return found !== undefined
      ? []
      : [`the federated credential cluster-${cloud} of ${platform.names.identities.dataSync}`]
  })
  return (await Promise.all(missing)).flat()
}
