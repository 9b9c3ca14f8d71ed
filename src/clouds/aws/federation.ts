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
