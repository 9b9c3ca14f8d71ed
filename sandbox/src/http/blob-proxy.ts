import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

const blobHost = /^([a-z0-9]{3,24})\.blob\.core\.windows\.net:443$/
/** How long a connection is held while azurite starts again. */
const patienceMs = 15_000

export interface BlobProxyOptions {
  readonly port: number
  readonly blobPort: number
  /** Whether there is such a storage account; any other name does not resolve, as on the real cloud. */
  hasAccount(name: string): boolean
}

/**
 * The CONNECT proxy through which tools that insist on `<account>.blob.core.windows.net` reach azurite on this
 * machine. It tunnels nothing else, so nothing on it can leave the machine.
 */
export async function startBlobProxy(options: BlobProxyOptions): Promise<Server> {
  const server = createServer((_request, response) => {
    response
      .writeHead(403, { 'content-type': 'text/plain' })
      .end('This proxy only tunnels Azure Blob Storage.\n')
  })
  server.on('connect', (request, client, head) => {
    client.on('error', () => client.destroy())
    const account = blobHost.exec(request.url ?? '')?.[1]
    if (account === undefined) return refuse(client, '403 Forbidden')
    if (!options.hasAccount(account)) return refuse(client, '502 Bad Gateway')
    connectPatiently(options.blobPort).then(
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
  })
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return server
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
