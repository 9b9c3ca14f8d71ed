import { buildQueryString, type HttpHandler, HttpResponse } from '@smithy/core/protocols'
import type { Dispatcher } from 'undici'

const methods = new Map<string, Dispatcher.HttpMethod>([
  ['GET', 'GET'],
  ['HEAD', 'HEAD'],
  ['PUT', 'PUT'],
  ['POST', 'POST'],
  ['DELETE', 'DELETE'],
])

/**
 * Carries the SDK's requests with undici, whose requests cost a fraction of those of Node's own client: with many small
 * objects that, not the network, is what a copy waits for. (The SDK's makers have the same as
 * @smithy/undici-http-handler, for an older undici.)
 */
export function createS3Http(agent: Dispatcher): HttpHandler {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request, { abortSignal } = {}) {
      const query = buildQueryString(request.query)
      const port = request.port === undefined ? '' : `:${request.port}`
      const answer = await agent.request({
        origin: `${request.protocol}//${request.hostname}${port}`,
        path: query === '' ? request.path : `${request.path}?${query}`,
        method: methodOf(request.method),
        headers: withoutExpect(request.headers),
        body: bodyOf(request.body),
        ...(abortSignal instanceof AbortSignal ? { signal: abortSignal } : {}),
      })
      return {
        response: new HttpResponse({
          statusCode: answer.statusCode,
          headers: plain(answer.headers),
          body: answer.body,
        }),
      }
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  }
}

function methodOf(method: string): Dispatcher.HttpMethod {
  const known = methods.get(method)
  if (known === undefined) throw new TypeError(`S3 has no ${method}`)
  return known
}

/** undici sends a body at once, and refuses the header that asks to wait with it. */
function withoutExpect(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'expect'))
}

function bodyOf(body: unknown): Buffer | string | null {
  if (body === undefined || body === null) return null
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  throw new TypeError('a body is bytes or text here')
}

function plain(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return joined
}
