import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { type CloudName, noSettings, peerTokenFile, type ServiceSettings } from '../cloud.ts'
import { missingRole, ourProviders } from './federation.ts'
import type { AwsPlatform } from './platform.ts'

const issuerSchema = z.object({ oidc_issuer: z.string() })
const outputsSchema = z.object({ role_arn: z.string() })

export function tokenIssuer(outputs: JsonObject): string | undefined {
  return issuerSchema.safeParse(outputs).data?.oidc_issuer
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html */
export function peerSettings({ aws }: AwsPlatform, outputs: JsonObject, _peer: CloudName): ServiceSettings {
  const role = outputsSchema.safeParse(outputs).data?.role_arn
  if (role === undefined) return noSettings
  return {
    environment: {
      AWS_REGION: aws.region,
      AWS_ROLE_ARN: role,
      AWS_WEB_IDENTITY_TOKEN_FILE: peerTokenFile('aws'),
    },
    files: {},
  }
}

export async function missingPeerTrust(
  platform: AwsPlatform,
  peers: readonly CloudName[],
  abortSignal: AbortSignal,
): Promise<readonly string[]> {
  const [providers, role] = await Promise.all([
    ourProviders(platform, abortSignal),
    missingRole(platform, platform.names.roles.dataSyncPeers, abortSignal),
  ])
  return [
    ...peers
      .filter(peer => !providers.some(({ resource }) => resource === `oidc-provider/${peer}`))
      .map(peer => `the identity provider of ${peer}’s cluster`),
    ...role,
  ]
}
