import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import * as z from 'zod'
import type { Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject, ObjectRef } from '../../kube/objects.ts'
import { newestPods } from '../../kube/revisions.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import type { Context } from '../phase.ts'
import { gatewayTls } from './gateway-certificate-step.ts'
import { istioNamespace } from './mesh.ts'
import { secretValues } from './secret-values.ts'

const name = 'istio-ingressgateway'
const serviceRef: ObjectRef = { apiVersion: 'v1', kind: 'Service', name, namespace: istioNamespace }
const deploymentRef: ObjectRef = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  name,
  namespace: istioNamespace,
}
const publicPort = 443
/** Where the pod listens for what comes to the Service's 443. */
const podPort = 8443
const timeoutMs = 10_000

const serviceSchema = z.looseObject({
  status: z.looseObject({
    loadBalancer: z
      .looseObject({
        ingress: z
          .array(z.looseObject({ ip: z.string().optional(), hostname: z.string().optional() }))
          .default([]),
      })
      .prefault({}),
  }),
})

/** Where clients find the gateway; undefined while its load balancer is being made. */
function gatewayAddress(service: KubeObject | undefined): string | undefined {
  const [first] = serviceSchema.safeParse(service).data?.status.loadBalancer.ingress ?? []
  return first?.hostname ?? first?.ip
}

/**
 * One request over TLS, which has to show the certificate of its Secret. At the load balancer's address; where this
 * machine does not reach that (a private one, a simulated one), at the pod, through the API server, and said so.
 */
export async function askGateway(
  context: Context,
  client: KubeClient,
  host: string,
  again: string,
): Promise<Finding> {
  const [deployment, service, secret] = await Promise.all([
    client.get(deploymentRef),
    client.get(serviceRef),
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
  const address = gatewayAddress(service)
  const expected = (secret === undefined ? undefined : secretValues(secret)['tls.crt']) ?? ''
  const direct =
    address === undefined
      ? 'its load balancer has no address yet'
      : await tlsRequest({ address, port: publicPort, host, signal: context.signal }).catch(reason)
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
  readonly signal: AbortSignal
}

/** Whom the certificate vouches for is asked by its fingerprint: a self-signed one is in nobody's list. */
function tlsRequest({ address, port, host, signal }: TlsQuestion): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: address,
        port,
        servername: host,
        headers: { host },
        path: '/',
        rejectUnauthorized: false,
        agent: false,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      },
      answer => {
        const { fingerprint256 } = (answer.socket as TLSSocket).getPeerCertificate()
        answer.resume()
        resolve({ status: answer.statusCode ?? 0, fingerprint: fingerprint256 })
      },
    )
    sent.on('error', reject)
    sent.end()
  })
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
