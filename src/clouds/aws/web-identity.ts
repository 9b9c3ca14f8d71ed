import { gitHubToken, isGitHubJob } from '../github-identity.ts'
import type { CloudTarget } from '../target.ts'
import { endpointOf } from './endpoint.ts'

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
 * terraform, which gets it by its environment. Undefined elsewhere than in such a job.
 */
export function webIdentity(
  target: CloudTarget,
  region: string,
): (() => Promise<RoleCredentials>) | undefined {
  const role = process.env['AWS_ROLE_ARN']
  if (!role || !isGitHubJob()) return undefined
  const begin = (): Promise<RoleCredentials> => {
    const asking = assume(role, region, target)
    known.set(role, asking)
    asking.catch(() => known.delete(role))
    return asking
  }
  return async () => {
    const before = known.get(role)
    if (before !== undefined && isGood(await before)) return await before
    // Of those who come together one asks, and all get its answer.
    const meanwhile = known.get(role)
    return await (meanwhile === undefined || meanwhile === before ? begin() : meanwhile)
  }
}

function isGood({ expiration }: RoleCredentials): boolean {
  return expiration.getTime() - Date.now() > renewBeforeMs
}

async function assume(role: string, region: string, target: CloudTarget): Promise<RoleCredentials> {
  const { AssumeRoleWithWebIdentityCommand, STSClient } = await import('@aws-sdk/client-sts')
  const sts = new STSClient({ region, ...endpointOf(target) })
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
