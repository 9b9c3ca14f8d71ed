import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenCredential } from '@azure/identity'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { errorCode, refusalError, sdkError, tookTooLongError, unexpectedAnswerError } from './errors.ts'

const pageLimit = 100

export interface ArmClient {
  /** The answer, or undefined when there is no such thing (404). */
  get<T>(path: string, apiVersion: string, answer: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined>
  /** Every page of a collection; an absent parent has none. */
  list<T>(
    path: string,
    apiVersion: string,
    item: z.ZodType<T>,
    signal: AbortSignal,
    query?: Query,
  ): Promise<readonly T[]>
  /** Creates or replaces, and waits until ARM has finished. */
  put(
    path: string,
    apiVersion: string,
    body: object,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<void>
  post(path: string, apiVersion: string, signal: AbortSignal): Promise<void>
  /** Removes and waits until it is gone; what is not there is as good as removed. */
  delete(path: string, apiVersion: string, signal: AbortSignal): Promise<void>
}
type Query = Readonly<Record<string, string>>

const page = z.object({ value: z.array(z.unknown()), nextLink: z.string().optional() })
const operation = z.object({ status: z.string() })

/**
 * Azure Resource Manager over the SDK's own pipeline: tokens, and retries of throttled and failed requests (at most
 * four, exponential with jitter, `Retry-After` honoured). Throws MLP3xxx.
 */
export async function createArmClient(options: {
  readonly endpoint: string
  readonly scope: string
  readonly credential: TokenCredential
}): Promise<ArmClient> {
  const {
    bearerTokenAuthenticationPolicy,
    createDefaultHttpClient,
    createHttpHeaders,
    createPipelineFromOptions,
    createPipelineRequest,
  } = await import('@azure/core-rest-pipeline')
  const http = createDefaultHttpClient()
  const pipeline = createPipelineFromOptions({
    retryOptions: { maxRetries: 4, retryDelayInMs: 500, maxRetryDelayInMs: 20_000 },
    userAgentOptions: { userAgentPrefix: 'mlp' },
  })
  pipeline.addPolicy(
    bearerTokenAuthenticationPolicy({ credential: options.credential, scopes: [options.scope] }),
    { phase: 'Sign' },
  )

  async function send(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    url: string,
    signal: AbortSignal,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ) {
    const request = createPipelineRequest({
      method,
      url,
      abortSignal: signal,
      timeout: 60_000,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: createHttpHeaders({
        accept: 'application/json',
        'content-type': 'application/json',
        ...headers,
      }),
    })
    try {
      const response = await pipeline.sendRequest(http, request)
      return { status: response.status, headers: response.headers, body: response.bodyAsText ?? '' }
    } catch (error) {
      signal.throwIfAborted()
      throw sdkError(error, `${method} ${new URL(url).pathname}`)
    }
  }

  function address(path: string, apiVersion: string, query: Query = {}): string {
    const url = new URL(path, options.endpoint)
    url.searchParams.set('api-version', apiVersion)
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
    return url.href
  }

  /** https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations */
  async function change(
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    apiVersion: string,
    signal: AbortSignal,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ) {
    const request = `${method} ${path}`
    const first = await send(method, address(path, apiVersion), signal, body, headers)
    if (method === 'DELETE' && first.status === 404) return
    if (first.status >= 300) throw refusalError({ ...first, request })
    const status = first.headers.get('azure-asyncoperation')
    const location = first.headers.get('location')
    if (status !== undefined) return untilSucceeded(status, request, signal)
    if (first.status === 202 && location !== undefined) return untilAnswered(location, request, signal)
  }

  async function untilSucceeded(url: string, request: string, signal: AbortSignal): Promise<void> {
    for await (const answer of poll(url, request, signal)) {
      const state = parse(operation, answer.body, request).status
      if (/^succeeded$/i.test(state)) return
      if (/^(failed|canceled)$/i.test(state)) throw refusalError({ ...answer, request })
    }
  }

  async function untilAnswered(url: string, request: string, signal: AbortSignal): Promise<void> {
    for await (const answer of poll(url, request, signal)) if (answer.status !== 202) return
  }

  async function* poll(url: string, request: string, signal: AbortSignal) {
    const minutes = 30
    const deadline = Date.now() + minutes * 60_000
    let pauseMs = 500
    while (Date.now() < deadline) {
      const answer = await send('GET', url, signal)
      if (answer.status >= 400) throw refusalError({ ...answer, request })
      yield answer
      const asked = Number(answer.headers.get('retry-after') ?? Number.NaN) * 1000
      // Jitter: several roots wait at the same time.
      await sleep(
        (Number.isNaN(asked) ? pauseMs : Math.max(asked, 200)) * (1 + Math.random() / 4),
        undefined,
        { signal },
      )
      pauseMs = Math.min(pauseMs * 1.5, 15_000)
    }
    throw tookTooLongError(request, minutes)
  }

  return {
    async get(path, apiVersion, answer, signal) {
      const request = `GET ${path}`
      const response = await send('GET', address(path, apiVersion), signal)
      if (response.status === 404 && errorCode(response.body) !== 'SubscriptionNotFound') return undefined
      if (response.status !== 200) throw refusalError({ ...response, request })
      return parse(answer, response.body, request)
    },
    async list(path, apiVersion, item, signal, query) {
      const request = `GET ${path}`
      const items = []
      let next: string | undefined = address(path, apiVersion, query)
      for (let count = 0; next !== undefined && count < pageLimit; count++) {
        const response = await send('GET', next, signal)
        if (response.status === 404 && errorCode(response.body) !== 'SubscriptionNotFound') return items
        if (response.status !== 200) throw refusalError({ ...response, request })
        const answer: z.infer<typeof page> = parse(page, response.body, request)
        items.push(...answer.value.map(value => parse(item, value, request)))
        next = answer.nextLink
      }
      return items
    },
    put: (path, apiVersion, body, signal, headers) => change('PUT', path, apiVersion, signal, body, headers),
    post: (path, apiVersion, signal) => change('POST', path, apiVersion, signal),
    delete: (path, apiVersion, signal) => change('DELETE', path, apiVersion, signal),
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown, request: string): T {
  const parsed = schema.safeParse(typeof body === 'string' ? parseJson(body) : body)
  if (!parsed.success) throw unexpectedAnswerError(request, z.prettifyError(parsed.error))
  return parsed.data
}
