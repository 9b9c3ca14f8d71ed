import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { listenOnSocket } from '../http/listen-on-socket.ts'
import { podIdentityAddress } from '../workloads/admission.ts'
import type { OutsideTable } from '../workloads/network/service-table.ts'
import type { World } from '../world.ts'
import { answerMetadata } from './gke-metadata.ts'
import { answerPodIdentity } from './pod-identity.ts'

/** What is outside of one cluster's network and belongs to this cluster alone. */
export interface ClusterDoors {
  readonly table: OutsideTable
  readonly apiSocket: string
  close(): void
}

export interface ClusterDoorsOptions {
  /** `<cloud>/<cluster>` */
  readonly key: string
  readonly world: World
  /** Service `kubernetes`, and where kube-apiserver listens on this machine. */
  readonly apiAddress: string
  readonly apiPort: number
  socketOf(end: string): string
  /** The Google service account that the pod at an address may borrow. */
  googleAccountAt(address: string): Promise<string | undefined>
}

/** GKE's metadata server, as on every node of Google Cloud. */
const metadataAddress = '169.254.169.254'

export async function openClusterDoors(options: ClusterDoorsOptions): Promise<ClusterDoors> {
  const { key, world, socketOf } = options
  const [cloud = ''] = key.split('/')
  const [apiSocket, identitySocket] = [socketOf('api'), socketOf('id')]
  const servers: Server[] = [
    await listenOnSocket(
      createServer({ allowHalfOpen: true }, client => {
        const upstream = connect({ host: '127.0.0.1', port: options.apiPort, allowHalfOpen: true })
        client.on('error', () => upstream.destroy())
        upstream.on('error', () => client.destroy())
        client.pipe(upstream).pipe(client)
      }),
      apiSocket,
    ),
  ]
  const endpoints: OutsideTable['endpoints'] = [
    { address: options.apiAddress, port: 443, socket: apiSocket, tellsSource: false },
  ]
  const names: Record<string, string> = {}
  if (cloud === 'aws') {
    const identity = createHttpServer((request, response) =>
      settle(answerPodIdentity(request, response, world, key), response, world),
    )
    servers.push(await listenOnSocket(identity, identitySocket))
    endpoints.push({ address: podIdentityAddress, port: 80, socket: identitySocket, tellsSource: false })
  }
  if (cloud === 'gcp') {
    const sources = new WeakMap<Socket, string>()
    const metadata = createHttpServer((request: IncomingMessage, response: ServerResponse) => {
      const address = sources.get(request.socket) ?? ''
      settle(
        answerMetadata(request, response, world, () => options.googleAccountAt(address)),
        response,
        world,
      )
    })
    const front = createServer(client => {
      client.on('error', () => client.destroy())
      readSource(client, address => {
        sources.set(client, address)
        metadata.emit('connection', client)
        // What came together with the preface, as proxies send it, lies in the paused stream.
        client.resume()
      })
    })
    servers.push(await listenOnSocket(front, identitySocket))
    endpoints.push({ address: metadataAddress, port: 80, socket: identitySocket, tellsSource: true })
    for (const name of ['metadata.google.internal', 'metadata']) names[name] = metadataAddress
  }
  return {
    table: { endpoints, names, suffixes: [] },
    apiSocket,
    close() {
      for (const server of servers) server.close()
    },
  }
}

/** `PROXY TCP4 <source> …`, which the forwarder inside of the network has put before all else. */
function readSource(client: Socket, onSource: (address: string) => void): void {
  let head = Buffer.alloc(0)
  const read = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n')
    if (end < 0 && head.length < 108) return
    client.off('data', read)
    client.pause()
    const rest = head.subarray(end + 2)
    if (rest.length > 0) client.unshift(rest)
    onSource(head.toString('latin1', 0, end).split(' ')[2] ?? '')
  }
  client.on('data', read)
}

function settle(answering: Promise<void>, response: ServerResponse, world: World): void {
  answering.catch((error: unknown) => {
    world.log(`identity of a pod: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    if (response.headersSent) response.destroy()
    else response.writeHead(500).end()
  })
}
