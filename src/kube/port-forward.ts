import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { ClusterAccess, ClusterToken } from '../clouds/cloud.ts'
import { MlpError } from '../engine/errors.ts'
import type { ClusterLabel } from './errors.ts'

export interface PortForwardOptions {
  readonly label: ClusterLabel
  readonly access: ClusterAccess
  readonly token: (signal: AbortSignal) => Promise<ClusterToken>
  readonly signal: AbortSignal
}

export interface PodPort {
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

export interface PodRequest {
  readonly method?: 'GET' | 'POST'
  /** Path and query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface PodAnswer {
  readonly status: number
  readonly text: string
}

const requestTimeoutMs = 30_000

/** One HTTP request to a pod, through the API server's port-forward. Throws MLP4040 when no answer comes. */
export async function askPod(
  options: PortForwardOptions,
  to: PodPort,
  { path, ...request }: PodRequest,
): Promise<PodAnswer> {
  const way = await openWay(options, to)
  try {
    const answer = await fetch(`http://127.0.0.1:${way.port}${path}`, {
      ...request,
      headers: { ...request.headers, connection: 'close' },
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(requestTimeoutMs)]),
    })
    return { status: answer.status, text: await answer.text() }
  } catch (error) {
    options.signal.throwIfAborted()
    throw noWay(options.label, to, way.refusal() ?? error)
  } finally {
    way.close()
  }
}

/** What `work` does at a loopback port whose connections end at the pod's. Throws MLP4040 when no way is opened. */
export async function withPodPort<T>(
  options: PortForwardOptions,
  to: PodPort,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const way = await openWay(options, to)
  try {
    return await work(way.port)
  } catch (error) {
    options.signal.throwIfAborted()
    throw error instanceof MlpError ? error : noWay(options.label, to, way.refusal() ?? error)
  } finally {
    way.close()
  }
}

/** A loopback port whose connections end at the pod's. */
async function openWay(options: PortForwardOptions, to: PodPort) {
  const { KubeConfig, PortForward } = await import('@kubernetes/client-node')
  const { access, label, signal } = options
  const config = new KubeConfig()
  const { token } = await options.token(signal)
  config.loadFromClusterAndUser(
    {
      name: label.cluster,
      server: access.endpoint,
      caData: Buffer.from(access.certificateAuthorityPem).toString('base64'),
      skipTLSVerify: false,
    },
    { name: label.cluster, token },
  )
  const forward = new PortForward(config, false)
  const sockets = new Set<Socket>()
  let refusal: unknown

  async function connect(socket: Socket): Promise<void> {
    try {
      const opened = await forward.portForward(to.namespace, to.pod, [to.port], socket, null, socket)
      // Without retries it is the connection itself.
      if (typeof opened === 'function') return
      opened.addEventListener('close', () => socket.end())
      opened.addEventListener('error', (event: { readonly error?: unknown }) => {
        refusal = event.error
        socket.destroy()
      })
      socket.once('close', () => opened.close())
    } catch (error) {
      refusal = error
      socket.destroy()
    }
  }

  const server = createServer(socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A peer that goes away ends the connection, and the request that went through it fails.
    socket.on('error', () => socket.destroy())
    void connect(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return {
    port: address.port,
    refusal: () => refusal,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function noWay(label: ClusterLabel, { namespace, pod, port }: PodPort, error: unknown): MlpError {
  return new MlpError({
    code: 'MLP4040',
    summary: `Port ${port} of pod ${namespace}/${pod} on ${label.cloud} does not answer through the API server`,
    detail: messageOf(error),
    remedy: [
      `mlp verify 2 --cloud ${label.cloud}`,
      'The identity that runs mlp needs the right to create pods/portforward.',
    ],
    cause: error,
  })
}

/** A WebSocket tells its failures as events, fetch hides them in a cause. */
function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const said = typeof cause === 'object' && cause !== null && 'message' in cause ? String(cause.message) : ''
  return said === '' ? 'The connection was closed.' : said
}
