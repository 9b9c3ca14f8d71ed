import type { S3Client } from '@aws-sdk/client-s3'
import { buildQueryString, extendedEncodeURIComponent, HttpRequest } from '@smithy/core/protocols'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Dispatcher } from 'undici'
import * as z from 'zod'
import { s3Failure } from './s3-errors.ts'
import { StoreError } from './store-error.ts'

/** The SDK's requests as its middleware shows them, signed. */
const requestSchema = z.object({
  protocol: z.string(),
  hostname: z.string(),
  port: z.number().optional(),
  path: z.string(),
  headers: z.object({ host: z.string(), authorization: z.string() }),
})

interface WireCall {
  readonly method: 'GET' | 'PUT'
  /** With the location's prefix. */
  readonly key: string
  readonly query?: Record<string, string>
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: Buffer
  readonly signal: AbortSignal
}

/** Where a bucket's objects are, and how requests to it are signed. */
interface Way {
  readonly protocol: string
  readonly hostname: string
  readonly port: number | undefined
  readonly host: string
  /** What the path of each object begins with. */
  readonly path: string
  readonly signer: SignatureV4
}

/**
 * Sends the two calls that are made for every object, and carry its content, without the SDK's stack of forty
 * middlewares, which costs several times what the call itself does. Where the bucket is (endpoint, style of its
 * address, region, redirects) and who signs is learned from what the SDK sends, so both do the same.
 */
export interface S3Wire {
  /** To be called with each request of the SDK for an object that succeeded. */
  learn(request: unknown, key: string): void
  /** undefined while there is nothing learned: then the call is the SDK's. Throws StoreError for what is not 2xx. */
  call(what: string, call: WireCall): Promise<Dispatcher.ResponseData> | undefined
}

export function createS3Wire(client: S3Client, agent: Dispatcher): S3Wire {
  let way: Way | undefined

  async function send(what: string, to: Way, call: WireCall): Promise<Dispatcher.ResponseData> {
    const { method, key, query = {}, body = null, signal } = call
    const { protocol, hostname, port, host } = to
    const path = to.path + escaped(key)
    const headers: Record<string, string> = { host }
    for (const name in call.headers) {
      const value = call.headers[name]
      if (value !== undefined) headers[name] = value
    }
    if (body !== null) headers['content-length'] = String(body.length)
    const unsigned = new HttpRequest({
      protocol,
      hostname,
      ...(port === undefined ? {} : { port }),
      method,
      path,
      query,
      headers,
    })
    const signed = await to.signer.sign(unsigned).catch(error => {
      throw new StoreError('denied', `${what}: cannot be signed: ${String(error)}`, { cause: error })
    })
    const search = buildQueryString(query)
    const response = await agent
      .request({
        origin: `${protocol}//${host}`,
        path: search === '' ? path : `${path}?${search}`,
        ...{ method, headers: signed.headers, body, signal },
      })
      .catch(error => {
        throw new StoreError('unavailable', `${what}: ${String(error)}`, { cause: error })
      })
    if (response.statusCode >= 200 && response.statusCode < 300) return response
    // It moved, or its region is another: the SDK finds out.
    if (response.statusCode < 400 || response.statusCode === 400) way = undefined
    const text = await response.body.text().catch(() => '')
    throw s3Failure(what, response.statusCode, String(response.headers['retry-after'] ?? ''), text)
  }

  return {
    learn(request, key) {
      if (way !== undefined) return
      const seen = requestSchema.safeParse(request).data
      if (seen === undefined) return
      const [, region] =
        /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/s3\//.exec(seen.headers.authorization) ?? []
      const path = escaped(key)
      if (region === undefined || !seen.path.endsWith(`/${path}`)) return
      const { credentials, sha256 } = client.config
      way = {
        ...{ protocol: seen.protocol, hostname: seen.hostname, port: seen.port, host: seen.headers.host },
        path: seen.path.slice(0, -path.length),
        signer: new SignatureV4({ service: 's3', region, credentials, sha256, uriEscapePath: false }),
      }
    },
    call: (what, call) => (way === undefined ? undefined : send(what, way, call)),
  }
}

function escaped(key: string): string {
  return key.split('/').map(extendedEncodeURIComponent).join('/')
}
