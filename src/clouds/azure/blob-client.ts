import type { PipelineResponse } from '@azure/core-rest-pipeline'
import { refusalError, sdkError } from './errors.ts'
import type { AzurePlatform } from './platform.ts'
import { proxyOptions } from './proxy.ts'

const scope = 'https://storage.azure.com/.default'
const apiVersion = '2023-11-03'
export const retries = 4

/** Where terraform's state, mlp's record and its copies of the cluster's objects are. */
export function stateContainerUrl({ names }: AzurePlatform): string {
  return `https://${names.stateStorageAccount}.blob.core.windows.net/${names.stateContainer}`
}

export interface BlobRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly url: string
  readonly signal: AbortSignal
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}
export type Send = (request: BlobRequest) => Promise<PipelineResponse>

/** The SDK's own pipeline, as whoever runs mlp: shared keys are off in the state's account. Throws MLP3xxx. */
export async function createSend(platform: AzurePlatform, maxRetries: number): Promise<Send> {
  const [sdk, credential] = await Promise.all([import('@azure/core-rest-pipeline'), platform.credential()])
  const http = sdk.createDefaultHttpClient()
  const pipeline = sdk.createPipelineFromOptions({
    retryOptions: { maxRetries, retryDelayInMs: 500, maxRetryDelayInMs: 10_000 },
    userAgentOptions: { userAgentPrefix: 'mlp' },
    ...proxyOptions(platform),
  })
  pipeline.addPolicy(sdk.bearerTokenAuthenticationPolicy({ credential, scopes: [scope] }), { phase: 'Sign' })
  return async ({ method, url, signal, body, headers }) => {
    const request = sdk.createPipelineRequest({
      method,
      url,
      abortSignal: signal,
      timeout: 30_000,
      ...(body === undefined ? {} : { body }),
      headers: sdk.createHttpHeaders({
        'x-ms-version': apiVersion,
        ...(body === undefined ? {} : { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'text/plain' }),
        ...headers,
      }),
    })
    try {
      return await pipeline.sendRequest(http, request)
    } catch (error) {
      signal.throwIfAborted()
      throw sdkError(error, `${method} ${url}`)
    }
  }
}

/** The blob service names its errors in a header, and says the rest in XML. */
export function refused({ status, headers, bodyAsText }: PipelineResponse, request: string): unknown {
  const message = /<Message>([^<]*)</.exec(bodyAsText ?? '')?.[1]?.split('\n')[0] ?? bodyAsText ?? ''
  const code = headers.get('x-ms-error-code') ?? ''
  return refusalError({ status, body: JSON.stringify({ error: { code, message } }), request })
}
