import { gitHubToken } from '../github-identity.ts'

interface RoleCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: Date
}

const renewBeforeMs = 5 * 60_000
const known = new Map<string, Promise<RoleCredentials>>()

/**
 * The role that AWS gives a job of GitHub's; asked for anew before it ends. One for all clients of a process, and for
 * terraform, which gets it by its environment.
 */
export function webIdentity(
  role: string,
  region: string,
  endpoint: { readonly endpoint?: string },
): () => Promise<RoleCredentials> {
  return async () => {
    const before = await known.get(role)?.catch(() => undefined)
    if (before !== undefined && before.expiration.getTime() - Date.now() > renewBeforeMs) return before
    const asking = assume(role, region, endpoint)
    known.set(role, asking)
    return await asking
  }
}

async function assume(
  role: string,
  region: string,
  endpoint: { readonly endpoint?: string },
): Promise<RoleCredentials> {
  const { AssumeRoleWithWebIdentityCommand, STSClient } = await import('@aws-sdk/client-sts')
  const sts = new STSClient({ region, ...endpoint })
  const answer = await sts.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: role,
      RoleSessionName: `github-${process.env['GITHUB_RUN_ID'] ?? 'job'}`,
      WebIdentityToken: await gitHubToken('sts.amazonaws.com'),
    }),
  )
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {}
  if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
    throw new Error('STS answered without credentials')
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration ?? new Date(Date.now() + 15 * 60_000),
  }
}
