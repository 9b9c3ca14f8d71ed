import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Client } from '../authentication/client.ts'

/** Concern one connection only (RFC 9110, 7.6.1), besides what `Connection` names. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Not passed on: the gateway says it itself, whatever the client said, or it is not for the upstream. */
const notForUpstream = new Set([
  ...hopByHop,
  'authorization',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'mlp-client',
  'traceparent',
  'tracestate',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
])

/** The headers of a request to an upstream, as names and values in turn. Credentials end here. */
export function upstreamRequestHeaders(
  request: FastifyRequest,
  client: Client | undefined,
  correlation: Readonly<Record<string, string>>,
): string[] {
  const named = namedByConnection(request.headers.connection)
  const hasBody = request.method === 'POST'
  const raw = request.raw.rawHeaders
  const headers: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = [raw[index]?.toLowerCase(), raw[index + 1]]
    if (notForUpstream.has(name) || named?.includes(name) === true) continue
    if (name === 'content-length' && !hasBody) continue
    headers.push(name, value)
  }
  for (const [name, value] of Object.entries(correlation)) headers.push(name, value)
  headers.push('x-forwarded-for', request.ip, 'x-forwarded-proto', request.protocol)
  if (request.headers.host !== undefined) headers.push('x-forwarded-host', request.headers.host)
  if (client !== undefined) headers.push('mlp-client', client.id)
  return headers
}

/**
 * The headers of a response to a client, as names and values in turn: the upstream's, without those that concern only
 * its connection, and the gateway's own, which replace those of the same name.
 */
export function clientResponseHeaders(
  headers: IncomingHttpHeaders,
  own: Readonly<Record<string, OutgoingHttpHeader | undefined>>,
): OutgoingHttpHeader[] {
  const named = namedByConnection(headers.connection)
  const passed: OutgoingHttpHeader[] = []
  const add = (name: string, value: OutgoingHttpHeader | undefined) => {
    if (Array.isArray(value)) for (const each of value) passed.push(name, each)
    else if (value !== undefined) passed.push(name, value)
  }
  for (const name in headers) {
    if (hopByHop.has(name) || own[name] !== undefined || named?.includes(name) === true) continue
    add(name, headers[name])
  }
  for (const name in own) add(name, own[name])
  return passed
}

function namedByConnection(connection: string | undefined): readonly string[] | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  return connection.toLowerCase().split(/\s*,\s*/)
}
