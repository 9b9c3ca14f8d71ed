import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { type CloudName, noSettings, peerFile, peerTokenFile, type ServiceSettings } from '../cloud.ts'
import { poolName, stands } from './identity-pools.ts'
import type { GcpPlatform } from './platform.ts'

const issuerSchema = z.object({ oidc_issuer: z.string() })
const outputsSchema = z.object({ providers: z.record(z.string(), z.string()) })
const credentialsFile = 'google-credentials.json'

export function tokenIssuer(outputs: JsonObject): string | undefined {
  return issuerSchema.safeParse(outputs).data?.oidc_issuer
}

/** No key: where the token is, and whom to show it to. https://google.aip.dev/auth/4117 */
export function peerSettings(
  { project }: Pick<GcpPlatform, 'project'>,
  outputs: JsonObject,
  peer: CloudName,
): ServiceSettings {
  const provider = outputsSchema.safeParse(outputs).data?.providers[peer]
  if (provider === undefined) return noSettings
  const credentials = {
    type: 'external_account',
    audience: `//iam.googleapis.com/${provider}`,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'https://sts.googleapis.com/v1/token',
    credential_source: { file: peerTokenFile('gcp') },
  }
  return {
    environment: {
      GOOGLE_APPLICATION_CREDENTIALS: peerFile(credentialsFile),
      // Google's library asks for it otherwise, which needs a right on the project.
      GOOGLE_CLOUD_PROJECT: project,
    },
    files: { [credentialsFile]: JSON.stringify(credentials, null, 2) },
  }
}

export async function missingPeerTrust(
  platform: GcpPlatform,
  peers: readonly CloudName[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const pool = poolName(platform, platform.names.peerPool)
  const wanted = peers.map(cloud => `${pool}/providers/cluster-${cloud}`)
  const missing = [pool, ...wanted].map(async name => ((await stands(platform, name, signal)) ? [] : [name]))
  return (await Promise.all(missing)).flat()
}
