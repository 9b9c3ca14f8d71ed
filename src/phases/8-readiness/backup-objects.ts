import { createHash } from 'node:crypto'
import * as z from 'zod'
import { type Json, type JsonObject, parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import { type KubeObject, kubeObjectSchema } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'

/** The platform's own; what the charts of mesh and monitoring make is made again by them. */
export const savedNamespaces = ['ml-platform', 'ml-serving'] as const

/** Whose loss loses nothing: made by controllers, or telling of something else. Jobs are work that was done. */
const derivedKinds: ReadonlySet<string> = new Set([
  'Event',
  'Endpoints',
  'EndpointSlice',
  'Lease',
  'ControllerRevision',
  'ReplicaSet',
  'Pod',
  'PodMetrics',
  'Job',
])
/** Kubernetes and Istio fill every namespace with these. */
const furniture: ReadonlySet<string> = new Set([
  'ConfigMap kube-root-ca.crt',
  'ConfigMap istio-ca-root-cert',
  'ConfigMap istio-ca-crl',
  'ServiceAccount default',
])
/** What the API server sets by itself, and what is another cluster's business. */
const ownMetadata = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
  'selfLink',
  'finalizers',
])
const ownAnnotations = new Set([
  'deployment.kubernetes.io/revision',
  'kubectl.kubernetes.io/last-applied-configuration',
])

const copySchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('cluster-objects'),
  platformId: z.string(),
  cloud: z.string(),
  mlpVersion: z.string(),
  kubernetes: z.string(),
  takenAt: z.string(),
  objects: z.array(kubeObjectSchema),
  leftOut: z.array(z.object({ kind: z.string(), names: z.array(z.string()), why: z.string() })),
})
export type ClusterCopy = z.output<typeof copySchema>

/** Everything of the platform's namespaces that somebody declared, as it stands; of Secrets only that they are there. */
export async function copyCluster(context: Context, client: KubeClient, cloud: string): Promise<ClusterCopy> {
  const kinds = (await client.namespacedKinds()).filter(
    ({ kind, listable }) => listable && !derivedKinds.has(kind),
  )
  const lists = await Promise.all(
    savedNamespaces.flatMap(namespace =>
      kinds.map(({ apiVersion, kind }) => client.list({ apiVersion, kind, namespace })),
    ),
  )
  const declared = lists.flat().filter(isDeclared)
  const secrets = declared.filter(({ kind }) => kind === 'Secret')
  return {
    schemaVersion: 1,
    kind: 'cluster-objects',
    platformId: context.platformId,
    cloud,
    mlpVersion: context.mlpVersion,
    kubernetes: await client.version(),
    takenAt: new Date().toISOString(),
    objects: declared.filter(({ kind }) => kind !== 'Secret').map(withoutOwn),
    leftOut: [
      {
        kind: 'Secret',
        names: secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort(),
        why: 'no secret is copied: mlp bootstrap makes keys and tokens again, and other Secrets have to be put back by whoever made them',
      },
    ],
  }
}

export function writeCopy(copy: ClusterCopy): { readonly text: string; readonly digest: string } {
  const text = `${JSON.stringify(copy, null, 1)}\n`
  return { text, digest: digestOf(text) }
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** What was written as a copy; undefined where it is none. */
export function readCopy(text: string): ClusterCopy | undefined {
  return copySchema.safeParse(parseJson(text)).data
}

function isDeclared({ kind, metadata }: KubeObject): boolean {
  return (
    !Array.isArray(metadata['ownerReferences']) &&
    metadata.deletionTimestamp === undefined &&
    !furniture.has(`${kind} ${metadata.name}`) &&
    // A test's, which takes it away again.
    metadata.labels?.['mlp.dev/step'] !== 'validation-objects'
  )
}

/** As somebody would write it down: without a status, and without what this one cluster gave it. */
export function withoutOwn({ status: _, ...object }: KubeObject): KubeObject {
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(([key]) => !ownMetadata.has(key)),
  )
  const annotations = Object.fromEntries(
    Object.entries(object.metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key)),
  )
  const { annotations: _annotations, ...rest } = metadata
  const kept: JsonObject = {
    ...rest,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }
  const spec = object.kind === 'Service' ? { spec: withoutAddresses(object['spec']) } : {}
  return { ...object, ...spec, metadata: { ...kept, name: object.metadata.name } }
}

const serviceSchema = z.looseObject({
  clusterIP: z.string().optional(),
  ports: z.array(z.looseObject({})).default([]),
})

/** A headless Service stays headless. */
function withoutAddresses(spec: Json | undefined): Json {
  const { clusterIP, clusterIPs: _ips, healthCheckNodePort: _port, ...rest } = serviceSchema.parse(spec)
  const ports = rest.ports.map(({ nodePort: _nodePort, ...port }) => port)
  return z.json().parse({ ...rest, ports, ...(clusterIP === 'None' ? { clusterIP } : {}) })
}
