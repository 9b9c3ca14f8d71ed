import { createHash } from 'node:crypto'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { ownerLabel } from './mesh.ts'

interface Kind {
  readonly apiVersion: string
  readonly kind: string
}

const rbac = 'rbac.authorization.k8s.io/v1'
const admission = 'admissionregistration.k8s.io/v1'
const webhooks: readonly Kind[] = [
  { apiVersion: admission, kind: 'MutatingWebhookConfiguration' },
  { apiVersion: admission, kind: 'ValidatingWebhookConfiguration' },
]
const workloads: readonly Kind[] = [
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  // On GKE, where only a quota lets pods of another namespace be critical ones.
  { apiVersion: 'v1', kind: 'ResourceQuota' },
  { apiVersion: rbac, kind: 'RoleBinding' },
  { apiVersion: rbac, kind: 'Role' },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
  { apiVersion: rbac, kind: 'ClusterRoleBinding' },
  { apiVersion: rbac, kind: 'ClusterRole' },
]
/** All that istioctl makes but the CRDs, in the order in which it is removed: first what would hold up pods. */
const installedKinds: readonly Kind[] = [...webhooks, ...workloads]

const crdKind: Kind = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' }
const componentLabel = 'operator.istio.io/component'
const gatewayComponent = 'IngressGateways'
const operator = 'istio-operator'

/** What istioctl installed for this platform, webhooks first, and gateways before the control plane. */
export async function installedObjects(client: KubeClient, owner: string): Promise<readonly KubeObject[]> {
  const labelSelector = `${ownerLabel}=${owner}`
  const found = (
    await Promise.all(installedKinds.map(kind => client.list({ ...kind, labelSelector })))
  ).flat()
  const place = (object: KubeObject) =>
    webhooks.some(({ kind }) => kind === object.kind) ? 0 : isGateway(object) ? 1 : 2
  return found.toSorted((one, other) => place(one) - place(other))
}

export async function installedDefinitions(
  client: KubeClient,
  owner: string,
): Promise<readonly KubeObject[]> {
  return await client.list({ ...crdKind, labelSelector: `${ownerLabel}=${owner}` })
}

function isGateway(object: KubeObject): boolean {
  return object.metadata.labels?.[componentLabel] === gatewayComponent
}

/** Somebody else's Istio, in words; empty where there is none. */
export async function foreignIstio(client: KubeClient, owner: string): Promise<readonly string[]> {
  const [controlPlanes, injectors, definition] = await Promise.all([
    client.list({ apiVersion: 'apps/v1', kind: 'Deployment', labelSelector: 'app=istiod' }),
    client.list({
      apiVersion: admission,
      kind: 'MutatingWebhookConfiguration',
      labelSelector: 'app=sidecar-injector',
    }),
    client.get({ ...crdKind, name: 'virtualservices.networking.istio.io' }),
  ])
  return [...controlPlanes, ...injectors, ...(definition === undefined ? [] : [definition])]
    .filter(object => object.metadata.labels?.[ownerLabel] !== owner)
    .map(object => {
      const whose = object.metadata.labels?.[ownerLabel]
      return `${describeRef(refOf(object))}${whose === undefined ? '' : ` (of ${whose})`}`
    })
}

/** Of a webhook, what istiod itself goes on to change. */
const istiodsFields = new Set(['f:caBundle', 'f:failurePolicy'])

/**
 * What was installed, told by the fields of each object that are still as istioctl set them: whoever changes one takes
 * it over.
 */
export function fingerprints(objects: readonly KubeObject[]): Readonly<Record<string, string>> {
  const entries = objects.map(object => {
    const isWebhook = webhooks.some(({ kind }) => kind === object.kind)
    const fields = (object.metadata.managedFields ?? []).find(
      ({ manager, operation }) => manager === operator && operation === 'Apply',
    )?.['fieldsV1']
    const print = createHash('sha256')
      .update(
        JSON.stringify(fields ?? null, (key, value: unknown) =>
          isWebhook && istiodsFields.has(key) ? undefined : value,
        ),
      )
      .digest('hex')
      .slice(0, 12)
    return [describeRef(refOf(object)), print] as const
  })
  return Object.fromEntries(entries.toSorted(([one], [other]) => one.localeCompare(other)))
}

const printsSchema = z.record(z.string(), z.string())

/** The first few differences between what was installed and what is there, in words; undefined when there are none. */
export function changedSince(recorded: string, now: Readonly<Record<string, string>>): string | undefined {
  const parsed = printsSchema.safeParse(parseJson(recorded))
  if (!parsed.success) return 'it is not known what was installed'
  const changes = Object.entries(parsed.data).flatMap(([name, print]) => {
    if (now[name] === undefined) return [`${name} is gone`]
    return now[name] === print ? [] : [`${name} was changed`]
  })
  return changes.length === 0 ? undefined : changes.slice(0, 3).join('; ')
}
