import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { CloudTarget } from '../target.ts'
import type { GoogleCredentials } from './auth.ts'
import { refusalError, unexpectedAnswerError, unreachableError } from './errors.ts'

export type Service =
  | 'artifactregistry'
  | 'billingbudgets'
  | 'cloudbilling'
  | 'cloudkms'
  | 'cloudresourcemanager'
  | 'compute'
  | 'container'
  | 'dns'
  | 'iam'
  | 'logging'
  | 'networkconnectivity'
  | 'oauth2'
  | 'redis'
  | 'servicenetworking'
  | 'serviceusage'
  | 'sqladmin'
  | 'storage'

interface BareRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly service: Service
  /** Below the service's host, encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  /** Sent as JSON, or as it is. */
  readonly body?: object | string
  /** Whether a write may be sent again when nobody knows whether it arrived. */
  readonly isRepeatable?: boolean
}

export interface RestRequest<Answer extends z.ZodType> extends BareRequest {
  readonly answer: Answer
}

interface RestAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const attempts = 5
const firstDelayMs = 400
const requestTimeoutMs = 60_000
/** A connection that was not used for longer may be gone at the other end, which a write must not find out. */
const idleTimeoutMs = 4_000

/** Google's JSON APIs with this platform's credentials: every answer is parsed, every refusal an MlpError. */
export function createRest(target: CloudTarget, credentials: GoogleCredentials) {
  const base = (service: Service) => target.endpoints[service] ?? `https://${service}.googleapis.com`

  async function exchange(
    request: BareRequest,
    accept: readonly number[],
    signal: AbortSignal,
  ): Promise<RestAnswer & { readonly name: string }> {
    const url = new URL(`${base(request.service)}${request.path}`)
    for (const [key, value] of Object.entries(request.query ?? {})) {
      for (const one of typeof value === 'string' ? [value] : value) url.searchParams.append(key, one)
    }
    const method = request.method ?? 'GET'
    const name = `${method} ${url.origin}${url.pathname}`
    // A write may have arrived.
    const isRepeatable = method === 'GET' || request.isRepeatable === true
    for (let attempt = 1; ; attempt++) {
      const outcome = await send(
        url,
        method,
        request.body,
        await credentials.accessToken(signal),
        paidBy(request.service),
        signal,
      )
      const last = attempt === attempts
      if (outcome instanceof Error) {
        if (last || !isRepeatable) throw unreachableError(url, outcome)
      } else {
        if ((outcome.status >= 200 && outcome.status < 300) || accept.includes(outcome.status))
          return { ...outcome, name }
        if (last || !isPassing(outcome.status, isRepeatable)) {
          throw refusalError({ ...outcome, service: request.service, request: name })
        }
      }
      await delay(backoffMs(attempt), undefined, { signal })
    }
  }

  /** This API takes a person's credentials only with a project that answers for the call. */
  const paidBy = (service: Service): Readonly<Record<string, string>> =>
    service === 'billingbudgets' ? { 'x-goog-user-project': target.account } : {}

  return {
    /** The answer as it is, also with a status in `accept`. */
    text: (request: BareRequest, accept: readonly number[], signal: AbortSignal): Promise<RestAnswer> =>
      exchange(request, accept, signal),
    /** Throws MlpError MLP3001 to MLP3007. */
    async call<Answer extends z.ZodType>(
      request: RestRequest<Answer>,
      signal: AbortSignal,
    ): Promise<z.output<Answer>> {
      const { body, name } = await exchange(request, [], signal)
      return parse(request, name, body)
    },
    /** undefined when Google answers 404. */
    async find<Answer extends z.ZodType>(
      request: RestRequest<Answer>,
      signal: AbortSignal,
    ): Promise<z.output<Answer> | undefined> {
      const { status, body, name } = await exchange(request, [404], signal)
      return status === 404 ? undefined : parse(request, name, body)
    },
    /** All pages of a list. `field` holds the items; a service whose API is off, or a missing parent, has none. */
    async *list<Item extends z.ZodType>(
      request: Omit<RestRequest<Item>, 'method' | 'answer'> & { readonly field: string; readonly item: Item },
      signal: AbortSignal,
    ): AsyncGenerator<z.output<Item>> {
      const page = z.looseObject({
        nextPageToken: z.string().optional(),
        [request.field]: z.array(request.item).default([]),
      })
      let pageToken: string | undefined
      do {
        const query = { ...request.query, ...(pageToken === undefined ? {} : { pageToken }) }
        const found = await this.find({ ...request, query, answer: page }, signal)
        if (found === undefined) return
        const items = z.array(request.item).parse(found[request.field])
        yield* items
        pageToken =
          typeof found.nextPageToken === 'string' && found.nextPageToken !== ''
            ? found.nextPageToken
            : undefined
      } while (pageToken !== undefined)
    },
  }
}
export type GoogleRest = ReturnType<typeof createRest>

/** Plain requests and no fetch, which Node loads with its first use: as much as all else that a start loads. */
const connections = { keepAlive: true, timeout: idleTimeoutMs }
const agents = { http: new HttpAgent(connections), https: new HttpsAgent(connections) }

async function send(
  url: URL,
  method: string,
  body: object | string | undefined,
  { token }: { readonly token: string },
  more: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<RestAnswer | Error> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)])
  const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${token}`,
    ...more,
    ...(sent === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
  }
  const options = { method, headers, signal: patience }
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request =
        url.protocol === 'http:'
          ? httpRequest(url, { ...options, agent: agents.http }, resolve)
          : httpsRequest(url, { ...options, agent: agents.https }, resolve)
      // What breaks after the answer has begun comes through the answer.
      request.on('error', reject)
      request.end(sent)
    })
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
  } catch (error) {
    signal.throwIfAborted()
    // node:http says that it was aborted, not why.
    const cause: unknown = patience.aborted ? patience.reason : error
    return cause instanceof Error ? cause : new Error(String(cause))
  }
}

function parse<Answer extends z.ZodType>(
  request: RestRequest<Answer>,
  name: string,
  body: string,
): z.output<Answer> {
  const parsed = request.answer.safeParse(body === '' ? {} : parseJson(body))
  if (parsed.success) return parsed.data
  throw unexpectedAnswerError(request.service, name, z.prettifyError(parsed.error))
}

/** Too many requests and overload pass for any method; other server errors only where asking again does no harm. */
function isPassing(status: number, isRepeatable: boolean): boolean {
  return status === 429 || status === 503 || (isRepeatable && status >= 500 && status !== 501)
}

/** Full jitter: several lanes that were throttled together must not come back together. */
export function backoffMs(attempt: number): number {
  return Math.random() * firstDelayMs * 2 ** attempt
}
