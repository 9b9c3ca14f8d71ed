import { join } from 'node:path'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { amountOf } from '../../kube/quantity.ts'
import type { Declaration, DeclarationContext } from '../2-kubernetes/declarations.ts'
import { loadObjects } from '../2-kubernetes/templates.ts'
import { roles } from './roles.ts'

const mebibyte = 1024 ** 2
/** Stands in the templates for the network of mlp.yaml, where database and cache are (RFC 5737: nobody's). */
const networkPlaceholder = '192.0.2.0/24'
/** On a quota: which part of the cluster's nodes it may take, and how many nodes there are at most. */
const shareKey = 'mlp.dev/share'
const nodesKey = 'mlp.dev/nodes-max'

const load = ({ templates }: Pick<DeclarationContext, 'templates'>, file: string) =>
  loadObjects(join(templates, 'readiness', file))

/** Who may speak to whom in the three namespaces; everything else is refused. */
const networkPolicies: Declaration = {
  phase: 8,
  name: 'network-policies',
  title: 'Network policies: refuse, then allow what is needed',
  kinds: [{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }],
  needs: cloud => [`2.${cloud}.namespaces`],
  objects: async (context, cloud) =>
    (await load(context, 'network-policies.yaml')).map(policy =>
      withNetwork(policy, networkOf(context.config, cloud)),
    ),
  inputs: (context, cloud) => ({ network: networkOf(context.config, cloud) }),
  replaceable: true,
  shrinks: true,
}

/** What the platform's namespaces may take of the cluster. */
const quotas: Declaration = {
  phase: 8,
  name: 'quotas',
  title: 'Quotas and limits of the namespaces',
  kinds: [
    { apiVersion: 'v1', kind: 'ResourceQuota' },
    { apiVersion: 'v1', kind: 'LimitRange' },
  ],
  needs: cloud => [`2.${cloud}.namespaces`],
  objects: async (context, cloud) =>
    (await load(context, 'quotas.yaml')).map(object =>
      object.kind === 'ResourceQuota'
        ? withAnnotation(object, nodesKey, String(nodesOf(context.config, cloud).max))
        : object,
    ),
  inputs: (context, cloud) => ({ nodes: nodesOf(context.config, cloud).max }),
  replaceable: true,
  shrinks: true,
  adjust: withSums,
}

/** How many pods the services have, by how much there is to do. */
const autoscalers: Declaration = {
  phase: 8,
  name: 'autoscalers',
  title: 'Autoscaling of the services',
  kinds: [{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' }],
  needs: cloud => [`3.${cloud}.api-gateway`, `3.${cloud}.model-serving`],
  objects: async (context, cloud) =>
    (await load(context, 'autoscalers.yaml')).map(object =>
      withMost(object, nodesOf(context.config, cloud).max),
    ),
  inputs: (context, cloud) => ({ nodes: nodesOf(context.config, cloud).max }),
  replaceable: true,
  shrinks: true,
}

export const declarations: readonly Declaration[] = [networkPolicies, quotas, roles, autoscalers]

function settingsOf(config: Config, cloud: CloudName) {
  const settings = config.clouds[cloud]
  if (settings === undefined) throw new Error(`${cloud} is not in the configuration`)
  return settings
}

const nodesOf = (config: Config, cloud: CloudName) => settingsOf(config, cloud).nodes
const networkOf = (config: Config, cloud: CloudName) => settingsOf(config, cloud).network.cidr

function withNetwork(policy: KubeObject, cidr: string): KubeObject {
  const spec = JSON.parse(JSON.stringify(policy['spec']), (key, value: unknown) =>
    key === 'cidr' && value === networkPlaceholder ? cidr : value,
  )
  return { ...policy, spec: z.json().parse(spec) }
}

function withAnnotation(object: KubeObject, key: string, value: string): KubeObject {
  const { metadata } = object
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, [key]: value } } }
}

const scaledSchema = z.looseObject({ minReplicas: z.number(), maxReplicas: z.number() })

/** A pod for every node there may be; more would only share them. */
function withMost(object: KubeObject, nodes: number): KubeObject {
  const spec = scaledSchema.parse(object['spec'])
  return { ...object, spec: z.json().parse({ ...spec, maxReplicas: Math.max(spec.minReplicas, nodes) }) }
}

const nodeSchema = z.looseObject({
  spec: z.looseObject({ taints: z.array(z.looseObject({ key: z.string() })).default([]) }).prefault({}),
  status: z.looseObject({ allocatable: z.looseObject({ cpu: z.string(), memory: z.string() }) }),
})
const hardSchema = z.looseObject({ hard: z.record(z.string(), z.string()) })

/** The sums follow from what the cluster's own nodes have; the smallest counts, for a cluster may mix them. */
async function withSums(client: KubeClient, objects: readonly KubeObject[]): Promise<readonly KubeObject[]> {
  const nodes = (await client.list({ apiVersion: 'v1', kind: 'Node' }))
    .map(node => nodeSchema.safeParse(node))
    .flatMap(parsed => (parsed.success ? [parsed.data] : []))
    .filter(({ spec }) => !spec.taints.some(({ key }) => key.endsWith('/gpu')))
  if (nodes.length === 0) return objects
  const least = (read: (node: z.infer<typeof nodeSchema>) => number) => Math.min(...nodes.map(read))
  const cpus = least(({ status }) => amountOf(status.allocatable.cpu))
  const memoryMib = least(({ status }) => amountOf(status.allocatable.memory)) / mebibyte
  return objects.map(object => {
    const share = Number(object.metadata.annotations?.[shareKey])
    const count = Number(object.metadata.annotations?.[nodesKey])
    if (!Number.isFinite(share) || !Number.isFinite(count)) return object
    const spec = hardSchema.parse(object['spec'])
    const memory = `${Math.floor(memoryMib * count * share)}Mi`
    const sums = {
      'requests.cpu': `${Math.floor(cpus * count * share)}`,
      'requests.memory': memory,
      // Limits may exceed what there is: pods seldom peak together.
      'limits.memory': `${Math.floor(memoryMib * count * share * 2)}Mi`,
    }
    return { ...object, spec: { ...spec, hard: { ...spec.hard, ...sums } } as JsonObject }
  })
}
