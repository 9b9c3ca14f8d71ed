import type { JsonObject } from '../../engine/json.ts'
import { type AwsPlatform, ask, find, isOurs, resourceKey } from './platform.ts'

/** IAM names providers by host and path of their issuer, so an account has one for GitHub. */
export function providerArn({ aws }: AwsPlatform, issuer: string): string {
  return `arn:aws:iam::${aws.accountId}:oidc-provider/${issuer.replace(/^https:\/\//, '')}`
}

function gitHubProviderArn(platform: AwsPlatform): string {
  return providerArn(platform, 'https://token.actions.githubusercontent.com')
}

/** Undefined where the account has none. */
export async function providerTags(platform: AwsPlatform, arn: string, abortSignal: AbortSignal) {
  const { GetOpenIDConnectProviderCommand } = await import('@aws-sdk/client-iam')
  const iam = await platform.clients.iam()
  const answer = await find(`looking for ${arn}`, () =>
    iam.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn }), { abortSignal }),
  )
  return answer && (answer.Tags ?? [])
}

/** The account's providers that are this platform's, each with which of its things it is. */
export async function ourProviders(
  platform: AwsPlatform,
  abortSignal: AbortSignal,
): Promise<readonly { readonly arn: string; readonly resource: string | undefined }[]> {
  const { ListOpenIDConnectProvidersCommand } = await import('@aws-sdk/client-iam')
  const iam = await platform.clients.iam()
  const { OpenIDConnectProviderList: all } = await ask('listing identity providers', () =>
    iam.send(new ListOpenIDConnectProvidersCommand({}), { abortSignal }),
  )
  // The list has no tags.
  const found = (all ?? []).map(async ({ Arn: arn = '' }) => {
    const tags = await providerTags(platform, arn, abortSignal)
    return isOurs(platform, tags)
      ? [{ arn, resource: tags?.find(({ Key }) => Key === resourceKey)?.Value }]
      : []
  })
  return (await Promise.all(found)).flat()
}

/** Somebody else's provider is used, and left to them. */
export async function federationFacts(platform: AwsPlatform, signal: AbortSignal): Promise<JsonObject> {
  const tags = await providerTags(platform, gitHubProviderArn(platform), signal)
  return { provider_is_there: tags !== undefined && !isOurs(platform, tags) }
}

export async function missingTrust(
  platform: AwsPlatform,
  abortSignal: AbortSignal,
): Promise<readonly string[]> {
  const { roles } = platform.names
  const provider = async () =>
    (await providerTags(platform, gitHubProviderArn(platform), abortSignal)) === undefined
      ? [`the identity provider ${gitHubProviderArn(platform)}`]
      : []
  const missing = [
    provider(),
    missingRole(platform, roles.pipelineDeploy, abortSignal),
    missingRole(platform, roles.pipelineRead, abortSignal),
  ]
  return (await Promise.all(missing)).flat()
}

/** The role, in words, where it is not there. */
export async function missingRole(
  platform: AwsPlatform,
  name: string,
  abortSignal: AbortSignal,
): Promise<readonly string[]> {
  const { GetRoleCommand } = await import('@aws-sdk/client-iam')
  const iam = await platform.clients.iam()
  const found = await find(`looking for the role ${name}`, () =>
    iam.send(new GetRoleCommand({ RoleName: name }), { abortSignal }),
  )
  return found === undefined ? [`the role ${name}`] : []
}
