import * as z from 'zod'
import type { KubeClient } from './client.ts'
import { type KubeObject, type ObjectRef, refOf } from './objects.ts'
import { revisionKey, templateHashKey } from './rollout-state.ts'

/** The pods of the ReplicaSet that carries the Deployment's current revision. */
export async function newestPods(client: KubeClient, deployment: KubeObject): Promise<readonly KubeObject[]> {
  const revision = deployment.metadata.annotations?.[revisionKey]
  const sets = await replicaSetsOf(client, deployment)
  const hash = sets.find(set => set.metadata.annotations?.[revisionKey] === revision)?.metadata.labels?.[
    templateHashKey
  ]
  if (revision === undefined || hash === undefined) return []
  return client.list({
    apiVersion: 'v1',
    kind: 'Pod',
    ...inNamespace(deployment),
    labelSelector: `${selectorOf(deployment)},${templateHashKey}=${hash}`,
  })
}

/** Newest first. */
async function replicaSetsOf(client: KubeClient, deployment: KubeObject): Promise<readonly KubeObject[]> {
  const sets = await client.list({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    ...inNamespace(deployment),
    labelSelector: selectorOf(deployment),
  })
  return sets.filter(set => isOwnedBy(set, deployment)).sort((a, b) => revisionOf(b) - revisionOf(a))
}

function revisionOf(set: KubeObject): number {
  return Number(set.metadata.annotations?.[revisionKey] ?? 0)
}

const setSchema = z.looseObject({
  status: z.looseObject({ availableReplicas: z.number().default(0) }).prefault({}),
})

/**
 * The ReplicaSet to go back to: the newest before the current one that still has pods to show for it, since the one
 * right before may have been as bad; where none has any (Recreate), the one right before.
 */
async function previousSet(client: KubeClient, deployment: KubeObject): Promise<KubeObject | undefined> {
  const [, ...before] = await replicaSetsOf(client, deployment)
  return before.find(set => setSchema.parse(set).status.availableReplicas > 0) ?? before[0]
}

const ownersSchema = z.array(z.looseObject({ uid: z.string() })).catch([])
const selectorSchema = z.looseObject({
  spec: z.looseObject({ selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }) }),
})

function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  return ownersSchema.parse(object.metadata['ownerReferences']).some(({ uid }) => uid === owner.metadata.uid)
}

function selectorOf(deployment: KubeObject): string {
  const { matchLabels } = selectorSchema.parse(deployment).spec.selector
  return Object.entries(matchLabels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

function inNamespace({ metadata: { namespace } }: KubeObject) {
  return namespace === undefined ? {} : { namespace }
}

/** How remedies that go back begin. */
export const goBack = 'Go back to what ran before'

/** Nothing where nothing ran before. kubectl goes back at once, and until the next run of mlp. */
export async function wayBack(
  client: KubeClient,
  { name, namespace = 'default', ...kind }: ObjectRef,
  { kubectl }: { readonly kubectl: string },
): Promise<readonly string[]> {
  const live = await client.get({ ...kind, name, namespace })
  const before = live === undefined ? undefined : await previousSet(client, live)
  if (before === undefined) return []
  const undo = `rollout undo deployment/${name} --to-revision=${revisionOf(before)}`
  return [
    `${goBack}: mlp phase 3 --cloud ${client.label.cloud} --rollback`,
    `${goBack}, by hand: ${kubectl} --namespace ${namespace} ${undo}`,
  ]
}

const templateSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()).default({}) }),
    }),
  }),
})

/** The Deployment as declared, but with the pods that ran before; undefined when there were none. */
export async function withPreviousPods(
  client: KubeClient,
  declared: KubeObject,
): Promise<KubeObject | undefined> {
  const live = await client.get(refOf(declared))
  if (live === undefined) return undefined
  const previous = await previousSet(client, live)
  if (previous === undefined) return undefined
  const { template } = templateSchema.parse(previous).spec
  const { [templateHashKey]: _, ...labels } = template.metadata.labels
  const spec = z.looseObject({}).parse(declared['spec'])
  const pods = z.json().parse({ ...template, metadata: { ...template.metadata, labels } })
  return { ...declared, spec: { ...z.record(z.string(), z.json()).parse(spec), template: pods } }
}
