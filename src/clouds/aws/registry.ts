import type { RegistryLogin } from '../cloud.ts'
import { awsError } from './errors.ts'
import { type AwsPlatform, ask } from './platform.ts'

export function registryHost({ aws }: AwsPlatform): string {
  return `${aws.accountId}.dkr.ecr.${aws.region}.amazonaws.com`
}

/** A password for twelve hours. https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html */
export async function registry(platform: AwsPlatform, signal: AbortSignal): Promise<RegistryLogin> {
  const { GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr')
  const ecr = await platform.clients.ecr()
  const what = 'signing in to the registry'
  const answer = await ask(what, () =>
    ecr.send(new GetAuthorizationTokenCommand({}), { abortSignal: signal }),
  )
  const { authorizationToken, expiresAt } = answer.authorizationData?.[0] ?? {}
  const [username, password] = Buffer.from(authorizationToken ?? '', 'base64')
    .toString()
    .split(':')
  if (!username || !password || expiresAt === undefined)
    throw awsError(new Error('The answer holds no login.'), what)
  return { host: registryHost(platform), username, password, expiresAt: expiresAt.toISOString() }
}
