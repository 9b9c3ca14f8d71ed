import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { RegistryLogin } from '../cloud.ts'
import { refusalError, sdkError, unexpectedAnswerError } from './errors.ts'
import type { AzurePlatform } from './platform.ts'
import { proxyOptions } from './proxy.ts'

const scope = 'https://containerregistry.azure.net/.default'
/** The user name that stands for "the password is a token". */
const tokenUser = '00000000-0000-0000-0000-000000000000'
/** What a refresh token lives: https://azure.github.io/acr/AAD-OAuth */
const tokenMs = 3 * 60 * 60_000

const answerSchema = z.object({ refresh_token: z.string().min(1) })

export function registryHost({ names }: AzurePlatform): string {
  return `${names.registry}.azurecr.io`
}

/** The registry exchanges an Entra token for one of its own, which is a password for three hours. */
export async function registry(platform: AzurePlatform, signal: AbortSignal): Promise<RegistryLogin> {
  const host = registryHost(platform)
  const request = `POST https://${host}/oauth2/exchange`
  const [sdk, { token }] = await Promise.all([
    import('@azure/core-rest-pipeline'),
    platform.accessToken(scope, signal),
  ])
  const pipeline = sdk.createPipelineFromOptions({
    retryOptions: { maxRetries: 4, retryDelayInMs: 500, maxRetryDelayInMs: 10_000 },
    userAgentOptions: { userAgentPrefix: 'mlp' },
    ...proxyOptions(platform),
  })
  const askedAt = Date.now()
  const answer = await pipeline
    .sendRequest(
      sdk.createDefaultHttpClient(),
      sdk.createPipelineRequest({
        method: 'POST',
        url: `https://${host}/oauth2/exchange`,
        abortSignal: signal,
        timeout: 30_000,
        headers: sdk.createHttpHeaders({ 'content-type': 'application/x-www-form-urlencoded' }),
        body: new URLSearchParams({
          grant_type: 'access_token',
          service: host,
          access_token: token,
        }).toString(),
      }),
    )
    .catch((error: unknown) => {
      signal.throwIfAborted()
      throw sdkError(error, request)
    })
  const body = answer.bodyAsText ?? ''
  if (answer.status !== 200) throw refusalError({ status: answer.status, body, request })
  const parsed = answerSchema.safeParse(parseJson(body))
  if (!parsed.success) throw unexpectedAnswerError(request, z.prettifyError(parsed.error))
  return {
    host,
    username: tokenUser,
    password: parsed.data.refresh_token,
    expiresAt: new Date(askedAt + tokenMs).toISOString(),
  }
}
