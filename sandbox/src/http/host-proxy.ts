import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

const blobHost = /^([a-z0-9]{3,24})\.blob\.core\.windows\.net$/
/** How long a connection is held while azurite starts again. */
const patienceMs = 15_000

export interface HostProxyOptions {
  readonly port: number
  readonly blobPort: number
  /** Whether there is such a storage account; any other name does not resolve, as on the real cloud. */
  hasAccount(name: string): boolean
  /** Takes the connection when the host is a registry's; false when it is none that exists. */
  acceptRegistry(host: string, client: Duplex): boolean
  /** The same for GitHub's names. */
  acceptGithub(host: string, client: Duplex): boolean
  /** How to reach the load balancer at a name or an address; undefined when there is none, or none at that port. */
  balancer(host: string, port: number): (() => Promise<Socket>) | undefined
}

/**
 * The CONNECT proxy through which tools reach, under the clouds' own host names, what runs on this machine: Azure's
 * blob storage, the three registries, GitHub, and what clusters have behind load balancers. It tunnels nowhere else, so nothing on it can leave the machine.
 */
export async function startHostProxy(options: HostProxyOptions): Promise<Server> {
  const server = createServer((_request, response) => {
    response
      .writeHead(403, { 'content-type': 'text/plain' })
      .end(
        'This proxy only tunnels to Azure Blob Storage, registries, GitHub and load balancers of the sandbox.\n',
      )
  })
  server.on('connect', (request, client, head) => {
    client.on('error', () => client.destroy())
    const [, name = '', port = ''] = /^([a-z0-9.-]+):(\d+)$/.exec(request.url ?? '') ?? []
    const dial = options.balancer(name, Number(port))
    if (dial !== undefined) return tunnel(client, head, dial())
    const host = /^([a-z0-9.-]+):443$/.exec(request.url ?? '')?.[1] ?? ''
    const account = blobHost.exec(host)?.[1]
    if (account !== undefined) {
      if (options.hasAccount(account)) tunnel(client, head, connectPatiently(options.blobPort))
      else refuse(client, '502 Bad Gateway')
      return
    }
    const isGithub = /(^|\.)github\.com$|\.githubusercontent\.com$/.test(host)
    const isRegistry = /\.(amazonaws\.com|pkg\.dev|azurecr\.io)$/.test(host)
    if (!isRegistry && !isGithub) return refuse(client, '403 Forbidden')
    // What a client sent ahead belongs to its TLS handshake.
    if (head.length > 0) client.unshift(head)
    if (!(isGithub ? options.acceptGithub(host, client) : options.acceptRegistry(host, client)))
      refuse(client, '502 Bad Gateway')
  })
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function tunnel(client: Duplex, head: Buffer, connecting: Promise<Socket>): void {
  connecting.then(
    upstream => {
      upstream.on('error', () => client.destroy())
      client.on('close', () => upstream.destroy())
      upstream.on('close', () => client.destroy())
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.write(head)
      upstream.pipe(client).pipe(upstream)
    },
    () => refuse(client, '504 Gateway Timeout'),
  )
}

function refuse(client: Duplex, status: string): void {
  client.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
}

async function connectPatiently(port: number): Promise<Socket> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port })
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if (Date.now() > deadline) throw error
      await delay(100)
    }
  }
}
