import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { newestPods } from '../../kube/revisions.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { secretValues } from '../../kube/secret.ts'
import type { Context } from '../phase.ts'
import { gatewayAddress, gatewayName, gatewayService } from './gateway-address.ts'
import { gatewayTls } from './gateway-certificate-step.ts'
import { istioNamespace } from './mesh.ts'

export const ingressDeployment: ObjectRef = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  name: gatewayName,
  namespace: istioNamespace,
}
const publicPort = 443
/** Where the pod listens for what comes to the Service's 443. */
const podPort = 8443
const timeoutMs = 10_000

/**
 * One request over TLS, which has to show the certificate of its Secret. At the load balancer's address; where this
 * machine does not reach that (a private one, a simulated one), at the pod, through the API server, and said so.
 */
export async function askGateway(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  { host, again }: { readonly host: string; readonly again: string },
): Promise<Finding> {
  const [deployment, service, secret] = await Promise.all([
    client.get(ingressDeployment),
    client.get(gatewayService),
    client.get({ apiVersion: 'v1', kind: 'Secret', name: gatewayTls.name, namespace: gatewayTls.namespace }),
  ])
  if (deployment === undefined) return { status: 'fail', detail: 'there is no gateway', remedy: [again] }
  const pods = await newestPods(client, deployment)
  if (rolloutState(deployment, pods).simulated) {
    return {
      status: 'warn',
      detail: 'the gateway: simulated: it does not run in its pod, so that nobody answers',
    }
  }
  const address = gatewayAddress(service)?.value
  const expected = secretValues(secret)['tls.crt'] ?? ''
  const direct =
    address === undefined
      ? 'its load balancer has no address yet'
      : await tlsRequest({
          address,
          port: publicPort,
          host,
          proxy: proxyOf(context, cloud),
          signal: context.signal,
        }).catch(reason)
  if (typeof direct !== 'string') return findingOf(direct, expected, `${address}:${publicPort}`, again)
  const [pod] = pods
  if (pod === undefined) return { status: 'fail', detail: 'the gateway has no pod', remedy: [again] }
  const to = { namespace: istioNamespace, pod: pod.metadata.name, port: podPort }
  const forwarded = await client.withPodPort(to, port =>
    tlsRequest({ address: '127.0.0.1', port, host, signal: context.signal }),
  )
  const finding = findingOf(forwarded, expected, `pod ${pod.metadata.name}, through the API server`, again)
  if (finding.status !== 'pass') return finding
  return {
    status: 'warn',
    detail: `${finding.detail}; from outside: ${direct}`,
    remedy: [
      'See whether this machine’s network reaches the load balancer, and whether it has an address yet.',
    ],
  }
}

interface TlsAnswer {
  readonly status: number
  readonly fingerprint: string
}

interface TlsQuestion {
  readonly address: string
  readonly port: number
  readonly host: string
  /** What leads to the cloud from this machine; undefined for the plain network. */
  readonly proxy?: string | undefined
  readonly signal: AbortSignal
}

export function proxyOf({ target }: Context, cloud: CloudName): string | undefined {
  return target.clouds[cloud]?.environment['HTTPS_PROXY'] || target.environment['HTTPS_PROXY'] || undefined
}

/** Whom the certificate vouches for is asked by its fingerprint: a self-signed one is in nobody's list. */
async function tlsRequest(question: TlsQuestion): Promise<TlsAnswer> {
  const { address, port, host, proxy } = question
  const signal = AbortSignal.any([question.signal, AbortSignal.timeout(timeoutMs)])
  const way = proxy === undefined ? undefined : await tunnel(proxy, `${address}:${port}`, signal)
  const socket = tlsConnect({
    ...(way === undefined ? { host: address, port } : { socket: way }),
    servername: host,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
  })
  try {
    await once(socket, 'secureConnect', { signal })
    const { fingerprint256 } = socket.getPeerCertificate()
    const sent = request({ createConnection: () => socket, headers: { host }, path: '/', signal })
    sent.end()
    const [answer] = (await once(sent, 'response', { signal })) as [IncomingMessage]
    answer.resume()
    return { status: answer.statusCode ?? 0, fingerprint: fingerprint256 }
  } finally {
    socket.destroy()
  }
}

/** By CONNECT, as every HTTPS proxy offers it. */
export async function tunnel(proxy: string, to: string, signal: AbortSignal): Promise<Socket> {
  const sent = request(proxy, { method: 'CONNECT', path: to, headers: { host: to }, agent: false, signal })
  sent.end()
  const [answer, socket] = (await once(sent, 'connect', { signal })) as [IncomingMessage, Socket]
  if (answer.statusCode === 200) return socket
  socket.destroy()
  throw new Error(`the proxy answers ${answer.statusCode}`)
}

function findingOf(answer: TlsAnswer, expectedPem: string, where: string, again: string): Finding {
  const expected = expectedPem === '' ? undefined : new X509Certificate(expectedPem).fingerprint256
  if (answer.fingerprint !== expected) {
    return {
      status: 'fail',
      detail: `${where} shows another certificate than ${gatewayTls.namespace}/${gatewayTls.name}`,
      remedy: [again],
    }
  }
  return answer.status < 500
    ? { status: 'pass', detail: `${where} answers ${answer.status}, with its certificate` }
    : {
        status: 'fail',
        detail: `${where} answers ${answer.status}: the gateway does not reach api-gateway`,
        remedy: ['mlp verify 3', again],
      }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
