import * as z from 'zod'
import { type Container, type Pod, type Probe, probeSchema } from './pod.ts'

const proxyName = 'istio-proxy'
/** Where Istio's injection has a pod's probes asked of the proxy's agent, and in which variable the agent has the real ones. */
const agentPort = 15020
const variable = 'ISTIO_KUBE_APP_PROBERS'
const probers = z.record(
  z.string(),
  z.looseObject({
    httpGet: z.unknown().optional(),
    tcpSocket: z.unknown().optional(),
    grpc: z.unknown().optional(),
  }),
)

/** The pod with its own probes, where the agent that was to answer for it is only played. */
export function withOwnProbes(pod: Pod, isLocal: (image: string) => boolean): Pod {
  const proxy = [...pod.spec.initContainers, ...pod.spec.containers].find(({ name }) => name === proxyName)
  const told = proxy?.env.find(({ name }) => name === variable)?.value
  if (proxy === undefined || told === undefined || isLocal(proxy.image)) return pod
  const own = probers.parse(JSON.parse(told))
  const restored = (probe: Probe | undefined): Probe | undefined => {
    const handler = probe?.httpGet?.port === agentPort ? own[probe.httpGet.path] : undefined
    if (probe === undefined || handler === undefined) return probe
    const { httpGet: _, ...rest } = probe
    const { httpGet, tcpSocket, grpc } = handler
    return probeSchema.parse({
      ...rest,
      ...(httpGet === undefined ? {} : { httpGet }),
      ...(tcpSocket === undefined ? {} : { tcpSocket }),
      ...(grpc === undefined ? {} : { grpc }),
    })
  }
  const change = (container: Container): Container => ({
    ...container,
    startupProbe: restored(container.startupProbe),
    readinessProbe: restored(container.readinessProbe),
    livenessProbe: restored(container.livenessProbe),
  })
  return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map(change) } }
}
