import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { meshNamespaces } from './mesh.ts'

const containerSchema = z.looseObject({ name: z.string() })
const ownersSchema = z
  .array(z.looseObject({ apiVersion: z.string(), kind: z.string(), name: z.string() }))
  .default([])
const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
    ownerReferences: ownersSchema,
  }),
  spec: z.looseObject({
    hostNetwork: z.boolean().default(false),
    containers: z.array(containerSchema),
    initContainers: z.array(containerSchema).default([]),
  }),
  status: z.looseObject({ phase: z.string().default('') }).prefault({}),
})
type Pod = z.output<typeof podSchema>

export interface MeshPod {
  readonly namespace: string
  readonly name: string
  /** Of the control plane that gave it its sidecar; undefined without one. */
  readonly revision: string | undefined
  /** A pod that stands alone, or a Job's: nobody makes a new one of it. */
  readonly owner: ObjectRef | undefined
}

const sidecar = 'istio-proxy'
const injectionStatus = 'sidecar.istio.io/status'
const statusSchema = z.looseObject({ revision: z.string() })

/** The pods of the injected namespaces that run, or will, and do not stay out of the mesh by their own wish. */
export async function meshPods(client: KubeClient): Promise<readonly MeshPod[]> {
  const lists = await Promise.all(
    meshNamespaces.map(namespace => client.list({ apiVersion: 'v1', kind: 'Pod', namespace })),
  )
  return lists
    .flat()
    .map(object => podSchema.parse(object))
    .filter(pod => belongs(pod))
    .map(pod => ({
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      revision: revisionOf(pod),
      owner: ownerOfPod(pod),
    }))
}

/** Which of them do not have a sidecar of that revision, although somebody could make them anew. */
export function withoutSidecar(pods: readonly MeshPod[], revision: string): readonly MeshPod[] {
  return pods.filter(pod => pod.owner !== undefined && pod.revision !== revision)
}

/**
 * Asks for new pods of every workload some pod of which has no sidecar of `revision`, or, `without`, which has any.
 * Gives back what was restarted.
 */
export async function restartWorkloads(
  client: KubeClient,
  which: { readonly revision: string } | { readonly without: true },
  report: (message: string) => void,
): Promise<readonly ObjectRef[]> {
  const pods = await meshPods(client)
  const wrong =
    'revision' in which
      ? withoutSidecar(pods, which.revision)
      : pods.filter(pod => pod.revision !== undefined)
  const workloads = new Map<string, ObjectRef>()
  for (const { owner } of wrong) {
    const workload = owner === undefined ? undefined : await workloadOf(client, owner)
    if (workload !== undefined) workloads.set(describeRef(workload), workload)
  }
  for (const [name, workload] of workloads) {
    report(`new pods for ${name}`)
    await client.restart(workload, new Date())
  }
  return [...workloads.values()]
}

/**
 * Deployments whose pods the mesh's webhook did not let come: without new ones they would have to wait until Kubernetes
 * tries again, which it does ever more rarely, up to a quarter of an hour later.
 */
export async function refusedWorkloads(client: KubeClient): Promise<readonly ObjectRef[]> {
  const lists = await Promise.all(
    meshNamespaces.map(namespace => client.list({ apiVersion: 'apps/v1', kind: 'Deployment', namespace })),
  )
  return lists
    .flat()
    .filter(deployment => /failed calling webhook/.test(rolloutState(deployment, []).refusedToCreate ?? ''))
    .map(refOf)
}

function belongs({ metadata, spec, status }: Pod): boolean {
  const isOver = status.phase === 'Succeeded' || status.phase === 'Failed'
  const staysOut =
    metadata.labels['sidecar.istio.io/inject'] === 'false' ||
    metadata.annotations['sidecar.istio.io/inject'] === 'false'
  return metadata.deletionTimestamp === undefined && !isOver && !staysOut && !spec.hostNetwork
}

function revisionOf({ metadata, spec }: Pod): string | undefined {
  if (![...spec.initContainers, ...spec.containers].some(({ name }) => name === sidecar)) return undefined
  return injectedRevision(metadata.annotations) ?? 'unknown'
}

/** The revision of the control plane that gave a pod its sidecar, as that wrote it down; undefined where none did. */
export function injectedRevision(annotations: Readonly<Record<string, string>> = {}): string | undefined {
  const status = statusSchema.safeParse(parseJson(annotations[injectionStatus] ?? ''))
  return status.success ? status.data.revision : undefined
}

function ownerOfPod({ metadata }: Pod): ObjectRef | undefined {
  const owner = metadata.ownerReferences.find(({ kind }) =>
    ['ReplicaSet', 'StatefulSet', 'DaemonSet'].includes(kind),
  )
  if (owner === undefined) return undefined
  const { apiVersion, kind, name } = owner
  return { apiVersion, kind, name, namespace: metadata.namespace }
}

/** A ReplicaSet's pods are its Deployment's to make. */
async function workloadOf(client: KubeClient, owner: ObjectRef): Promise<ObjectRef | undefined> {
  if (owner.kind !== 'ReplicaSet') return owner
  const set: KubeObject | undefined = await client.get(owner)
  const [deployment] = ownersSchema
    .parse(set?.metadata['ownerReferences'])
    .filter(({ kind }) => kind === 'Deployment')
  if (set === undefined || deployment === undefined) return undefined
  return {
    apiVersion: deployment.apiVersion,
    kind: deployment.kind,
    name: deployment.name,
    namespace: refOf(set).namespace,
  }
}
