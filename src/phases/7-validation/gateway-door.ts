import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { CloudName } from '../../clouds/cloud.ts'
import type { KubeClient } from '../../kube/client.ts'
import { secretValues } from '../../kube/secret.ts'
import { gatewayAddress, gatewayService } from '../4-mesh/gateway-address.ts'
import { gatewayHosts, gatewayTls } from '../4-mesh/gateway-certificate-step.ts'
import { ingressDeployment, proxyOf, tunnel } from '../4-mesh/gateway-request.ts'
import { istioNamespace } from '../4-mesh/mesh.ts'
import type { Context } from '../phase.ts'
import { runningPods, servicePods } from './bench.ts'
import { ask, type Door } from './http.ts'

/** Where the ingress gateway's pod listens for what comes to its Service's 443. */
const ingressPort = 8443
const gatewayPort = 8000
const timeoutMs = 10_000

export interface GatewayDoor extends Door {
  /** How the requests get there, in words. */
  readonly by: string
}

/**
 * What `work` does at a port of this machine that leads to the platform's own gateway and nowhere else: to its load
 * balancer; where this machine does not reach that, to the ingress gateway's pod through the API server; where the mesh
 * is only played, to api-gateway's pod. Undefined, without having worked, where that is played too.
 */
export async function withGateway<T>(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  work: (door: GatewayDoor) => Promise<T>,
): Promise<T | undefined> {
  const ingress = await runningPods(client, ingressDeployment)
  if (ingress.pods.length === 0 || ingress.simulated) {
    const { pods, simulated } = await servicePods(client, 'api-gateway')
    const [pod] = pods
    if (pod === undefined || simulated) return undefined
    return await client.withPodPort({ namespace: 'ml-platform', pod, port: gatewayPort }, port =>
      work({ port, by: 'at api-gateway’s pod, through the API server: the mesh is simulated' }),
    )
  }
  const secret = await client.get({
    apiVersion: 'v1',
    kind: 'Secret',
    name: gatewayTls.name,
    namespace: gatewayTls.namespace,
  })
  const tls = {
    host: gatewayHosts(context.config)[0] ?? '',
    certificate: secretValues(secret)['tls.crt'] ?? '',
  }
  const address = gatewayAddress(await client.get(gatewayService))?.value
  if (address !== undefined) {
    const relay = await openRelay(context, cloud, address)
    try {
      const door = { port: relay.port, tls, by: `at the load balancer ${address}` }
      if (await answers(context, door)) return await work(door)
    } finally {
      relay.close()
    }
  }
  const to = { namespace: istioNamespace, pod: ingress.pods[0] ?? '', port: ingressPort }
  return await client.withPodPort(to, port =>
    work({ port, tls, by: 'at the ingress gateway’s pod, through the API server' }),
  )
}

async function answers({ signal }: Context, door: Door): Promise<boolean> {
  try {
    await ask(door, { path: '/v2/health/live' }, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}

/** A port of this machine whose connections end at the load balancer, by the proxy that leads to the cloud, if there is one. */
async function openRelay(context: Context, cloud: CloudName, address: string) {
  const proxy = proxyOf(context, cloud)
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true)
  }
  const server = createServer(near => {
    keep(near)
    void reach(near)
  })
  async function reach(near: Socket): Promise<void> {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const far = proxy === undefined ? connect(443, address) : await tunnel(proxy, `${address}:443`, signal)
      keep(far)
      near.pipe(far)
      far.pipe(near)
      near.once('close', () => far.destroy())
      far.once('close', () => near.destroy())
    } catch {
      near.destroy()
    }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a port')
  return {
    port: bound.port,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
