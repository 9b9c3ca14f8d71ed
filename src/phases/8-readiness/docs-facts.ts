import * as z from 'zod'
import type { Cloud, CloudName, CloudResource } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import type { Finding } from '../../engine/check.ts'
import { toMlpError } from '../../engine/failure.ts'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import { newestOf } from '../3-applications/ask.ts'
import type { Context } from '../phase.ts'
import { backupChecks } from './backup-checks.ts'

/** What was asked for, or why nobody told it: a page says so, and invents nothing. */
export type Told<T> = { readonly value: T } | { readonly problem: string }

export interface CloudFacts {
  readonly name: CloudName
  readonly title: string
  readonly region: string
  /** Of kubectl. */
  readonly context: string
  readonly account: Told<string>
  readonly cluster: Told<{ readonly name: string; readonly version: string; readonly status: string }>
  readonly resources: Told<readonly CloudResource[]>
  readonly inside: Told<ClusterFacts>
  /** What is copied, what was restored, how long that took: as the checks of phase 8 see it now. */
  readonly recovery: readonly { readonly title: string; readonly answer: Told<Finding> }[]
}

export interface ClusterFacts {
  readonly version: string
  readonly nodes: { readonly ready: number; readonly all: number; readonly simulated: number }
  readonly workloads: readonly WorkloadFacts[]
  readonly entrances: readonly { readonly name: string; readonly addresses: readonly string[] }[]
  readonly alerts: readonly AlertFacts[]
  readonly apis: readonly ApiFacts[]
}

interface WorkloadFacts {
  readonly namespace: string
  readonly kind: string
  readonly name: string
  readonly images: readonly string[]
  readonly ready: number
  readonly wanted: number
}

export interface AlertFacts {
  readonly name: string
  readonly severity: string
  readonly summary: string
  readonly runbook: string
}

interface ApiFacts {
  readonly service: string
  readonly document: Told<ApiDocument>
}
const apiSchema = z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.json()) })
export type ApiDocument = z.infer<typeof apiSchema>

const patienceMs = 5_000
const cloudMs = 60_000
/** One service that is silent takes none of what the cluster itself has to say. */
const apiMs = 25_000
const clusterMs = 90_000
const apis = [
  { service: 'api-gateway', port: 8000 },
  { service: 'model-serving', port: 8080 },
  { service: 'data-sync', port: 8081 },
] as const

/**
 * Asks the cloud and its cluster what there is; nothing of it comes from mlp's or terraform's memory. `secrets` are the
 * values of the cluster's Secrets, for whoever has to keep them out of what is written.
 */
export async function factsOfCloud(
  context: Context,
  cloud: Cloud,
): Promise<{ readonly facts: CloudFacts; readonly secrets: readonly Readonly<Record<string, string>>[] }> {
  const { signal } = context
  const [account, cluster, resources, inside, recovery] = await Promise.all([
    told(cloud.name, cloudMs, async () => ({ value: (await cloud.identity(signal)).account })),
    told(cloud.name, cloudMs, async () => {
      const access = await cloud.cluster(signal)
      if (access === undefined) return { problem: 'the cloud lists no cluster of this platform' }
      const { name, version, status } = access
      return { value: { name, version, status } }
    }),
    told(cloud.name, cloudMs, async () => ({ value: await Array.fromAsync(cloud.inventory(signal)) })),
    told(cloud.name, clusterMs, async () => ({
      value: await gather(await requireCluster(context, cloud.name, patienceMs)),
    })),
    Promise.all(
      backupChecks(cloud).map(async ({ title, run }) => ({
        title,
        answer: await told(cloud.name, cloudMs, async () => {
          const finding = await run(context)
          return finding.status === 'error' ? { problem: finding.detail } : { value: finding }
        }),
      })),
    ),
  ])
  const { name, title, region } = cloud
  return {
    facts: {
      name,
      title,
      region,
      context: contextName(name, context.config),
      account,
      cluster,
      resources,
      recovery,
      inside: 'value' in inside ? { value: inside.value.facts } : inside,
    },
    secrets: 'value' in inside ? inside.value.secrets : [],
  }
}

async function told<T>(what: string, deadlineMs: number, ask: () => Promise<Told<T>>): Promise<Told<T>> {
  const late = Promise.withResolvers<Told<T>>()
  const timer = setTimeout(
    () => late.resolve({ problem: `no answer within ${deadlineMs / 1000} s` }),
    deadlineMs,
  )
  try {
    return await Promise.race([late.promise, ask()])
  } catch (error) {
    const { code, message } = toMlpError(error, what)
    return { problem: `${code}: ${message}` }
  } finally {
    clearTimeout(timer)
  }
}

const secretSchema = z.looseObject({
  type: z.string().nullish(),
  data: z.record(z.string(), z.string()).nullish(),
})

async function gather(client: KubeClient) {
  // First: without them nothing that the cluster says could be kept free of them.
  const secrets = await client.list({ apiVersion: 'v1', kind: 'Secret' })
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const
  const [version, nodes, services, rules, ...workloads] = await Promise.all([
    client.version(),
    client.list({ apiVersion: 'v1', kind: 'Node' }),
    client.list({ apiVersion: 'v1', kind: 'Service' }),
    client.list({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' }),
    ...kinds.map(kind => client.list({ apiVersion: 'apps/v1', kind })),
  ])
  const facts: ClusterFacts = {
    version,
    nodes: {
      ready: nodes.filter(isReady).length,
      all: nodes.length,
      simulated: nodes.filter(node => node.metadata.annotations?.['mlp.dev/simulated'] === 'true').length,
    },
    workloads: workloads.flat().map(workloadOf).toSorted(byPlace),
    entrances: services.flatMap(entrancesOf),
    alerts: rules.flatMap(alertsOf).toSorted((a, b) => a.name.localeCompare(b.name)),
    apis: await Promise.all(
      apis.map(async ({ service, port }) => ({ service, document: await apiOf(client, service, port) })),
    ),
  }
  return {
    facts,
    secrets: secrets.flatMap(secret => {
      const { type, data } = secretSchema.parse(secret)
      return type === 'helm.sh/release.v1' ? [] : [data ?? {}]
    }),
  }
}

function apiOf(
  client: KubeClient,
  service: (typeof apis)[number]['service'],
  port: number,
): Promise<Told<ApiDocument>> {
  return told(service, apiMs, async () => {
    const newest = await newestOf(client, service)
    const [pod] = newest?.pods ?? []
    if (pod === undefined) return { problem: `${service} has no pod` }
    if (newest?.simulated === true) return { problem: `${service} is simulated: nothing runs in its pod` }
    const { namespace } = deploymentOf(service)
    const answer = await client.askPod({ namespace, pod: pod.metadata.name, port }, { path: '/openapi.json' })
    const parsed = apiSchema.safeParse(parseJson(answer.text))
    if (!parsed.success)
      return { problem: `${service} answered ${answer.status}, and no description of itself` }
    return { value: parsed.data }
  })
}

const nodeSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
})

function isReady(node: KubeObject): boolean {
  return nodeSchema
    .parse(node)
    .status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

const count = z.int().nullish()
const workloadSchema = z.looseObject({
  spec: z.looseObject({
    replicas: count,
    template: z.looseObject({
      spec: z.looseObject({
        containers: z.array(z.looseObject({ image: z.string().nullish() })).default([]),
      }),
    }),
  }),
  status: z
    .looseObject({ readyReplicas: count, numberReady: count, desiredNumberScheduled: count })
    .prefault({}),
})

function workloadOf(object: KubeObject): WorkloadFacts {
  const { spec, status } = workloadSchema.parse(object)
  return {
    namespace: object.metadata.namespace ?? 'default',
    kind: object.kind,
    name: object.metadata.name,
    images: spec.template.spec.containers.flatMap(({ image }) => (image ? [image] : [])),
    ready: status.readyReplicas ?? status.numberReady ?? 0,
    wanted: spec.replicas ?? status.desiredNumberScheduled ?? 1,
  }
}

function byPlace(left: WorkloadFacts, right: WorkloadFacts): number {
  return `${left.namespace}/${left.name}`.localeCompare(`${right.namespace}/${right.name}`)
}

const ingress = z.looseObject({ ip: z.string().nullish(), hostname: z.string().nullish() })
const serviceSchema = z.looseObject({
  spec: z.looseObject({ type: z.string().nullish() }).prefault({}),
  status: z
    .looseObject({ loadBalancer: z.looseObject({ ingress: z.array(ingress).nullish() }).prefault({}) })
    .prefault({}),
})

function entrancesOf(service: KubeObject): ClusterFacts['entrances'] {
  const { spec, status } = serviceSchema.parse(service)
  if (spec.type !== 'LoadBalancer') return []
  const addresses = (status.loadBalancer.ingress ?? []).flatMap(({ ip, hostname }) => hostname ?? ip ?? [])
  return [{ name: `${service.metadata.namespace ?? 'default'}/${service.metadata.name}`, addresses }]
}

const texts = z.record(z.string(), z.string()).default({})
const rulesSchema = z.looseObject({
  spec: z
    .looseObject({
      groups: z
        .array(
          z.looseObject({
            rules: z
              .array(z.looseObject({ alert: z.string().nullish(), labels: texts, annotations: texts }))
              .default([]),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

function alertsOf(object: KubeObject): readonly AlertFacts[] {
  return rulesSchema.parse(object).spec.groups.flatMap(({ rules }) =>
    rules.flatMap(({ alert, labels, annotations }) =>
      alert
        ? [
            {
              name: alert,
              severity: labels['severity'] ?? '',
              summary: annotations['summary'] ?? annotations['description'] ?? '',
              runbook: annotations['runbook_url'] ?? '',
            },
          ]
        : [],
    ),
  )
}
