import type { JsonObject } from '../../engine/json.ts'
import { type AwsPlatform, find, isOurs } from './platform.ts'

/** IAM names providers by the host of their issuer, so an account has one for GitHub. */
export function gitHubProviderArn({ aws }: AwsPlatform): string {
  return `arn:aws:iam::${aws.accountId}:oidc-provider/token.actions.githubusercontent.com`
}

/** Undefined where the account has none. */
export async function gitHubProviderTags(platform: AwsPlatform, abortSignal: AbortSignal) {
  const { GetOpenIDConnectProviderCommand } = await import('@aws-sdk/client-iam')
  const iam = await platform.clients.iam()
  const answer = await find('looking for the provider of GitHub’s tokens', () =>
    iam.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: gitHubProviderArn(platform) }), {
      abortSignal,
    }),
  )
  return answer && (answer.Tags ?? [])
}

/** Somebody else's provider is used, and left to them. */
export async function federationFacts(platform: AwsPlatform, signal: AbortSignal): Promise<JsonObject> {
  const tags = await gitHubProviderTags(platform, signal)
  return { provider_is_there: tags !== undefined && !isOurs(platform, tags) }
}

export async function missingTrust(
  platform: AwsPlatform,
  abortSignal: AbortSignal,
): Promise<readonly string[]> {
  const { roles } = platform.names
  const role = async (name: string) => {
    const { GetRoleCommand } = await import('@aws-sdk/client-iam')
    const iam = await platform.clients.iam()
    const answer = await find('looking for a role of the pipeline', () =>
      iam.send(new GetRoleCommand({ RoleName: name }), { abortSignal }),
    )
    return answer === undefined ? [`the role ${name}`] : []
  }
  const provider = async () =>
    (await gitHubProviderTags(platform, abortSignal)) === undefined
      ? [`the identity provider ${gitHubProviderArn(platform)}`]
      : []
  return (await Promise.all([provider(), role(roles.pipelineDeploy), role(roles.pipelineRead)])).flat()
}
