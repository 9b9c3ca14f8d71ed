import { availableParallelism, totalmem } from 'node:os'
import type { ObjectReader } from './object-reader.ts'
import { type Container, ContainerProblem, type Pod } from './pod.ts'

/**
 * A container's environment as the kubelet makes it: envFrom, then env in order, `$(NAME)` expanded from what came
 * before. https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  facts: PodFacts,
  objects: ObjectReader,
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {}
  for (const { prefix, configMapRef, secretRef } of container.envFrom) {
    for (const [kind, ref] of [
      ['ConfigMap', configMapRef],
      ['Secret', secretRef],
    ] as const) {
      if (ref === undefined) continue
      const data = await objects.data(kind, pod.metadata.namespace, ref.name)
      if (data === undefined && !ref.optional) throw missing(kind, ref.name)
      for (const [key, value] of data ?? []) env[prefix + key] = value.toString('utf8')
    }
  }
  for (const { name, value, valueFrom } of container.env) {
    if (valueFrom === undefined) {
      env[name] = expand(value ?? '', env)
      continue
    }
    const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom
    for (const [kind, ref] of [
      ['ConfigMap', configMapKeyRef],
      ['Secret', secretKeyRef],
    ] as const) {
      if (ref === undefined) continue
      const data = await objects.data(kind, pod.metadata.namespace, ref.name)
      const found = data?.get(ref.key)
      if (found !== undefined) env[name] = found.toString('utf8')
      else if (!ref.optional && data === undefined) throw missing(kind, ref.name)
      else if (!ref.optional)
        throw new ContainerProblem(
          'CreateContainerConfigError',
          `couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace}/${ref.name}`,
        )
    }
    if (fieldRef !== undefined) env[name] = fieldValue(pod, fieldRef.fieldPath, facts)
    if (resourceFieldRef !== undefined) env[name] = resourceValue(pod, container, resourceFieldRef)
  }
  return env
}

export interface PodFacts {
  readonly podIp: string
  readonly hostIp: string
  /** What the pod's node has below its root, as far as pods ask for it. */
  readonly nodeFolder: string
}

function missing(kind: string, name: string): ContainerProblem {
  return new ContainerProblem('CreateContainerConfigError', `${kind.toLowerCase()} "${name}" not found`)
}

/** `$(NAME)` of a known name; `$$(NAME)` stands for itself without the first dollar. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) =>
    whole === '$$' ? '$' : (env[name ?? ''] ?? whole),
  )
}

/** https://kubernetes.io/docs/concepts/workloads/pods/downward-api/ */
export function fieldValue(pod: Pod, path: string, { podIp, hostIp }: PodFacts): string {
  const { metadata, spec } = pod
  const named = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (named !== null) {
    const [, kind, key = ''] = named
    return (kind === 'labels' ? metadata.labels : metadata.annotations)[key] ?? ''
  }
  const lines = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n')
  const values: Readonly<Record<string, string>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'metadata.labels': lines(metadata.labels),
    'metadata.annotations': lines(metadata.annotations),
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.podIP': podIp,
    'status.podIPs': podIp,
    'status.hostIP': hostIp,
    'status.hostIPs': hostIp,
  }
  const value = values[path]
  if (value === undefined)
    throw new ContainerProblem('CreateContainerConfigError', `unsupported fieldPath: ${path}`)
  return value
}

interface ResourceFieldRef {
  readonly resource: string
  readonly containerName?: string | undefined
  readonly divisor?: string | number | undefined
}

/** What a container without a limit may take: this machine, as there the node. */
const nodeCapacity: Readonly<Record<string, number>> = { cpu: availableParallelism(), memory: totalmem() }

/** Rounded up to a multiple of the divisor, as the kubelet does. */
export function resourceValue(pod: Pod, own: Container | undefined, ref: ResourceFieldRef): string {
  const container =
    ref.containerName === undefined
      ? own
      : [...pod.spec.containers, ...pod.spec.initContainers].find(one => one.name === ref.containerName)
  const [kind, name = ''] = ref.resource.split(/\.(.*)/s)
  const resources = container?.resources
  const amount =
    kind === 'limits' ? (resources?.limits[name] ?? nodeCapacity[name]) : resources?.requests[name]
  const divisor = quantityOf(ref.divisor ?? '1') || 1
  return String(Math.ceil(quantityOf(amount ?? '0') / divisor))
}

const suffixes: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function quantityOf(amount: string | number): number {
  const [, number = '0', suffix = ''] = /^([0-9.]+)([A-Za-z]*)$/.exec(String(amount)) ?? []
  return Number(number) * (suffixes[suffix] ?? 1)
}
