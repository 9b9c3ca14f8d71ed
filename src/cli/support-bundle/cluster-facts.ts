import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { toMlpError } from '../../engine/failure.ts'
import type { KubeClient } from '../../kube/client.ts'
import { conditionSchema } from '../../kube/conditions.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { lastLines } from '../../kube/pod-log.ts'
import { viewPod } from '../../kube/pod-trouble.ts'
import { requireCluster } from '../../phases/2-kubernetes/cluster.ts'
import type { Context } from '../../phases/phase.ts'
import { secretsOfData } from './masks.ts'

export interface ClusterFacts {
  /** By name below the cluster's folder; not masked yet. */
  readonly files: ReadonlyMap<string, string>
  /** Values of the cluster's Secrets: to be masked wherever they stand, and written nowhere. */
  readonly secrets: readonly string[]
}

const patienceMs = 3_000
const deadlineMs = 30_000
const keptEvents = 500
const keptLogs = 10

const eventSchema = z.looseObject({
  metadata: z.looseObject({ namespace: z.string().default(''), creationTimestamp: z.string().nullish() }),
  type: z.string().nullish(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  count: z.number().nullish(),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
  involvedObject: z.looseObject({ kind: z.string().nullish(), name: z.string().nullish() }).prefault({}),
})
const podSchema = z.looseObject({
  spec: z.looseObject({ nodeName: z.string().nullish() }).prefault({}),
  status: z.looseObject({ phase: z.string().nullish() }).prefault({}),
})
const nodeSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  status: z
    .looseObject({
      conditions: z.array(conditionSchema).default([]),
      allocatable: z.record(z.string(), z.string()).default({}),
      nodeInfo: z.looseObject({ kubeletVersion: z.string().nullish() }).prefault({}),
    })
    .prefault({}),
})
const secretSchema = z.looseObject({
  type: z.string().nullish(),
  data: z.record(z.string(), z.string()).nullish(),
})

/**
 * What a cluster says of itself: events, pods that are not ready with their last lines, nodes. Specifications of pods
 * are left out: they may hold what is nobody's business. A cluster that does not answer says so, and holds nobody up.
 */
export async function factsOfCluster(context: Context, cloud: CloudName): Promise<ClusterFacts> {
  const late = Promise.withResolvers<ClusterFacts>()
  const timer = setTimeout(() => late.resolve(problem(`no answer within ${deadlineMs / 1000} s`)), deadlineMs)
  try {
    return await Promise.race([late.promise, gather(context, cloud)])
  } catch (error) {
    const { code, message } = toMlpError(error, cloud)
    return problem(`${code}: ${message}`)
  } finally {
    clearTimeout(timer)
  }
}

async function gather(context: Context, cloud: CloudName): Promise<ClusterFacts> {
  const client = await requireCluster(context, cloud, patienceMs)
  // Without them what a pod or an event says could not be masked: then nothing of the cluster is told.
  const secrets = await client.list({ apiVersion: 'v1', kind: 'Secret' })
  const [version, events, pods, nodes] = await Promise.all([
    client.version(),
    client.list({ apiVersion: 'v1', kind: 'Event' }),
    client.list({ apiVersion: 'v1', kind: 'Pod' }),
    client.list({ apiVersion: 'v1', kind: 'Node' }),
  ])
  const troubled = pods.filter(pod => !viewPod(pod).ready && !viewPod(pod).simulated).slice(0, keptLogs)
  const logs = await Promise.all(troubled.map(pod => logOf(client, pod)))
  return {
    files: new Map([
      ['version.txt', `${version}\n`],
      ['events.json', document(events.map(eventRow).toSorted(byTime).slice(-keptEvents))],
      ['pods.json', document(pods.map(podRow))],
      ['nodes.json', document(nodes.map(nodeRow))],
      ...logs,
    ]),
    secrets: secrets.flatMap(secret => {
      const { type, data } = secretSchema.parse(secret)
      return type === 'helm.sh/release.v1' ? [] : secretsOfData(data ?? {})
    }),
  }
}

function problem(text: string): ClusterFacts {
  return { files: new Map([['problem.txt', `${text}\n`]]), secrets: [] }
}

async function logOf(client: KubeClient, pod: KubeObject): Promise<readonly [string, string]> {
  const { name, namespace = 'default' } = pod.metadata
  const [trouble] = viewPod(pod).troubles
  const text = await lastLines(client, { namespace }, { pod: name, ...containerOf(trouble?.container) })
  return [`pods/${namespace}/${name}.log`, `${text}\n`]
}

function containerOf(container: string | undefined) {
  return container === undefined ? {} : { container }
}

function eventRow(object: KubeObject) {
  const { metadata, type, reason, message, count, lastTimestamp, eventTime, involvedObject } =
    eventSchema.parse(object)
  return {
    at: lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '',
    namespace: metadata.namespace,
    about: `${involvedObject.kind ?? ''} ${involvedObject.name ?? ''}`,
    type: type ?? '',
    reason: reason ?? '',
    message: message ?? '',
    count: count ?? 1,
  }
}

function byTime(left: { readonly at: string }, right: { readonly at: string }): number {
  return left.at < right.at ? -1 : Number(left.at > right.at)
}

function podRow(object: KubeObject) {
  const { ready, simulated, troubles } = viewPod(object)
  const { spec, status } = podSchema.parse(object)
  const { name, namespace } = object.metadata
  return { namespace, name, phase: status.phase, node: spec.nodeName, ready, simulated, troubles }
}

function nodeRow(object: KubeObject) {
  const { metadata, status } = nodeSchema.parse(object)
  const { conditions, allocatable, nodeInfo } = status
  return { name: metadata.name, kubelet: nodeInfo.kubeletVersion, conditions, allocatable }
}

function document(rows: readonly unknown[]): string {
  return `${JSON.stringify(rows, null, 2)}\n`
}
