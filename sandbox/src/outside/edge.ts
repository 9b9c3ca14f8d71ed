import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Server } from 'node:net'
import { answerBlob } from '../clouds/azure/blob-front.ts'
import { serviceNames } from '../clouds/gcp/api/handle.ts'
import { certificateByName } from '../http/certified-hosts.ts'
import { listenOnSocket } from '../http/listen-on-socket.ts'
import type { KeyPair } from '../kubernetes/pki.ts'
import type { World } from '../world.ts'

export interface EdgeOptions {
  readonly socket: string
  readonly authority: KeyPair
  readonly world: World
  /** One cloud's whole API, with its faults. */
  answerCloud(
    cloud: 'aws' | 'gcp' | 'azure',
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void>
  /** False when there is no registry of that name. */
  answerRegistry(request: IncomingMessage, response: ServerResponse): Promise<boolean>
  hasBlobAccount(name: string): boolean
}

/** Host names that the three clouds answer to; a pod's DNS knows no others outside of its cluster. */
export const publicSuffixes = ['.amazonaws.com', '.googleapis.com', '.pkg.dev', '.azurecr.io'] as const
export const publicNames = ['login.microsoftonline.com', 'management.azure.com'] as const

const blobHost = /^([a-z0-9]{3,24})\.blob\.core\.windows\.net$/

/**
 * The three clouds under their own host names on port 443, for pods: each name's certificate is issued when it is first
 * asked for. Without a port: connections come through the pods' networks.
 */
export async function openEdge(options: EdgeOptions): Promise<Server> {
  const { authority, world } = options
  const isPublic = (host: string) =>
    publicNames.some(name => name === host) ||
    publicSuffixes.some(suffix => host.endsWith(suffix)) ||
    options.hasBlobAccount(blobHost.exec(host)?.[1] ?? '')
  const https = createHttpsServer(
    {
      minVersion: 'TLSv1.2',
      SNICallback: certificateByName(authority, isPublic, host => new Error(`nothing is called ${host}`)),
    },
    (request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        world.log(
          `edge: ${request.method} ${request.headers.host}${request.url?.split('?')[0]}: ${error instanceof Error ? error.message : String(error)}`,
        )
        if (response.headersSent) response.destroy()
        else response.writeHead(502).end()
      })
    },
  )
  // Large objects take as long as they take.
  https.requestTimeout = 0
  const server = createServer(socket => {
    socket.on('error', () => socket.destroy())
    https.emit('connection', socket)
  })
  return listenOnSocket(server, options.socket)
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: EdgeOptions,
): Promise<void> {
  const host = (request.headers.host ?? '').replace(/:443$/, '')
  const account = blobHost.exec(host)?.[1]
  if (account !== undefined) return answerBlob(request, response, account, options.world)
  if (await options.answerRegistry(request, response)) return
  if (host.endsWith('.amazonaws.com')) return options.answerCloud('aws', request, response)
  if (publicNames.some(name => name === host)) return options.answerCloud('azure', request, response)
  if (!host.endsWith('.googleapis.com')) return void response.writeHead(421).end()
  // Services that share paths have a path of their own on the sandbox's one listener.
  const service = host.slice(0, -'.googleapis.com'.length)
  if (service === 'oauth2' || service === 'sts') request.url = `/${service}${request.url}`
  else if (serviceNames.some(name => name === service)) request.url = `/${service}${request.url}`
  return options.answerCloud('gcp', request, response)
}
