import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import { acceptTunnel, certificateByName } from '../http/certified-hosts.ts'
import type { KeyPair } from '../kubernetes/pki.ts'
import { answerGit } from './git/smart-http.ts'
import type { Hub } from './hub.ts'
import { answerIdToken, answerIssuer, issuerHost } from './oidc/endpoints.ts'
import { type Bases, loopbackBases, publicBases } from './rest/bases.ts'
import { answerFile } from './rest/links.ts'
import { answerRest } from './rest/server.ts'

const hosts = ['github.com', 'api.github.com', issuerHost]

export interface HubListener {
  readonly server: Server
  /** Speaks TLS on a connection as GitHub under that name; false when it is none of GitHub's. */
  accept(host: string, client: Duplex): boolean
}

/**
 * GitHub on 127.0.0.1, with paths as an Enterprise Server has them (`/api/v3`), and under its own names for connections
 * that come through the proxy.
 */
export async function openHubListener(
  hub: Hub,
  port: number,
  certificate: KeyPair,
  authority: KeyPair,
): Promise<HubListener> {
  const server = createServer(
    {
      cert: certificate.certificatePem,
      key: certificate.keyPem,
      minVersion: 'TLSv1.2',
      SNICallback: certificateByName(
        authority,
        host => hosts.includes(host),
        () => null,
      ),
    },
    (request, response) => {
      answer(request, response, hub, port).catch((error: unknown) => {
        hub.world.log(
          `github: ${request.method} ${request.url?.split('?')[0]}: ${error instanceof Error ? error.stack : String(error)}`,
        )
        if (response.headersSent) response.destroy()
        else
          response
            .writeHead(500, { 'content-type': 'application/json' })
            .end(JSON.stringify({ message: 'Server Error' }))
      })
    },
  )
  // A large push takes as long as it takes.
  server.requestTimeout = 0
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    accept(host, client) {
      if (!hosts.includes(host)) return false
      acceptTunnel(server, client)
      return true
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  hub: Hub,
  port: number,
): Promise<void> {
  const host = (request.headers.host ?? '').replace(/:443$/, '')
  const url = new URL(request.url ?? '/', `https://${host || 'localhost'}`)
  if (host === issuerHost) return void answerIssuer(url, response, hub)
  if (host === 'api.github.com')
    return answerRest(request, response, url.pathname, url.searchParams, publicBases, hub)
  const bases: Bases = host === 'github.com' ? publicBases : loopbackBases(port)
  if (url.pathname.startsWith('/_services/idtoken')) return void answerIdToken(request, url, response, hub)
  if (url.pathname.startsWith('/_services/token')) return void answerIssuer(url, response, hub)
  const [, path] = /^\/api\/v3(\/.*)?$/.exec(url.pathname) ?? []
  if (url.pathname.startsWith('/api/v3') && host !== 'github.com')
    return answerRest(request, response, path ?? '/', url.searchParams, bases, hub)
  if (await answerGit(request, response, url, hub)) return
  if (answerFile(url, response, hub)) return
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('Not Found\n')
}
