import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { type CloudName, noSettings, peerTokenFile, type ServiceSettings } from '../cloud.ts'
import { missingCredential } from './federation.ts'
import type { AzurePlatform } from './platform.ts'

const issuerSchema = z.object({ cluster: z.object({ oidc_issuer_url: z.string() }) })
const outputsSchema = z.object({ client_id: z.string(), tenant_id: z.string() })

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
  const missing = peers.map(cloud =>
    missingCredential(platform, platform.names.identities.dataSync, `cluster-${cloud}`, signal),
  )
  return (await Promise.all(missing)).flat()
}
