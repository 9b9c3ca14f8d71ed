import { clusterPorts } from '../../kubernetes/ports.ts'
import { apisAddress } from '../../outside/outside.ts'
import type { Container, Pod } from '../pod.ts'
import { succeedsInNamespaces } from '../supported.ts'

/**
 * Type of service that Envoy marks its connections with (recipes/istio-envoy-bootstrap.tmpl). Istio knows them by
 * Envoy's user, but all of a pod here is one user of the machine's: who may make namespaces may map no other.
 */
const proxyTos = '0x04'

/** Where istiod is asked by pilot-agent, which marks nothing. */
const istiodPort = 15012

/**
 * Rules as iptables-restore takes them: what istio-cni writes into the network namespace of a pod with a sidecar, and
 * the way to other clusters' APIs. Undefined where there is nothing to write. https://github.com/istio/istio/blob/1.31.0/tools/istio-iptables/pkg/capture/run.go
 */
export function rulesOf(pod: Pod, reachesApis: boolean): string | undefined {
  const rules = [...(redirection(pod) ?? []), ...(reachesApis ? toApis : [])]
  return rules.length === 0 ? undefined : ['*nat', ...rules, 'COMMIT', ''].join('\n')
}

/** A cluster's API is at a loopback address of this machine, which in a pod is the pod's own. */
const toApis = [
  `-A OUTPUT -d 127.0.0.1/32 -p tcp --dport ${clusterPorts.lowest}:${clusterPorts.highest} -j DNAT --to-destination ${apisAddress}`,
  '-A POSTROUTING -s 127.0.0.1/32 ! -o lo -j MASQUERADE',
]

function redirection(pod: Pod): readonly string[] | undefined {
  const { annotations } = pod.metadata
  const proxy = [...pod.spec.initContainers, ...pod.spec.containers].find(
    ({ name }) => name === 'istio-proxy',
  )
  if (proxy === undefined || !isSidecar(proxy)) return undefined
  if (annotations['sidecar.istio.io/interceptionMode'] === 'NONE') return undefined
  const listOf = (name: string) =>
    (annotations[`traffic.sidecar.istio.io/${name}`] ?? '').split(',').filter(item => item !== '')
  const inboundExcluded = ['15090', '15021', '15020', '15008', ...listOf('excludeInboundPorts')]
  const inbound = annotations['traffic.sidecar.istio.io/includeInboundPorts'] ?? '*'
  const ranges = annotations['traffic.sidecar.istio.io/includeOutboundIPRanges'] ?? '*'
  const mark = `-m tos --tos ${proxyTos}`
  return [
    ...['ISTIO_INBOUND', 'ISTIO_OUTPUT', 'ISTIO_REDIRECT', 'ISTIO_IN_REDIRECT'].map(
      name => `:${name} - [0:0]`,
    ),
    '-A PREROUTING -p tcp -j ISTIO_INBOUND',
    '-A OUTPUT -j ISTIO_OUTPUT',
    '-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001',
    '-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006',
    ...[...new Set(inboundExcluded)].map(port => `-A ISTIO_INBOUND -p tcp --dport ${port} -j RETURN`),
    ...(inbound === '*'
      ? ['']
      : inbound
          .split(',')
          .filter(port => port !== '')
          .map(port => `--dport ${port} `)
    ).map(match => `-A ISTIO_INBOUND -p tcp ${match}-j ISTIO_IN_REDIRECT`),
    ...listOf('excludeOutboundPorts').map(port => `-A ISTIO_OUTPUT -p tcp --dport ${port} -j RETURN`),
    // Connections to the application that Envoy passes on as they came.
    '-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN',
    // istio-validation asks, as the proxy's user, whether its connection is redirected.
    '-A ISTIO_OUTPUT -o lo -d 127.0.0.6/32 -p tcp --dport 15002 -j ISTIO_IN_REDIRECT',
    `-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 ${mark} -j ISTIO_IN_REDIRECT`,
    '-A ISTIO_OUTPUT -o lo -j RETURN',
    `-A ISTIO_OUTPUT ${mark} -j RETURN`,
    `-A ISTIO_OUTPUT -p tcp --dport ${istiodPort} -j RETURN`,
    '-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN',
    ...listOf('excludeOutboundIPRanges').map(range => `-A ISTIO_OUTPUT -d ${range} -j RETURN`),
    ...(ranges === '*'
      ? ['']
      : ranges
          .split(',')
          .filter(range => range !== '')
          .map(range => `-d ${range} `)
    ).map(match => `-A ISTIO_OUTPUT -p tcp ${match}-j ISTIO_REDIRECT`),
  ]
}

function isSidecar({ args }: Container): boolean {
  return args[0] === 'proxy' && args[1] === 'sidecar'
}

const trial = `
iptables -t nat -A OUTPUT -p tcp -m tos --tos ${proxyTos} -j RETURN
iptables -t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 15001
command -v iptables-restore`

/** Whether this machine has what redirects a pod's traffic to its proxy. */
export async function canRedirect(): Promise<boolean> {
  return await succeedsInNamespaces(trial)
}
