import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeDifference, diffFields } from '../../kube/diff.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { mark, selectorOf } from '../2-kubernetes/marks.ts'
import type { Context } from '../phase.ts'
import { type ClusterCopy, savedNamespaces, withoutOwn } from './backup-objects.ts'

/** The mark on all that a rehearsal makes: whatever happens, the next one finds it and takes it away. */
const rehearsalName = 'restore-rehearsal'
const scratchPrefix = 'mlp-restored-'
const leavingMs = 180_000
const differencesNamed = 3
/** Labels and annotations by which mlp says whose an object is: the rehearsal's own stand in their place. */
const markKeys = new Set([
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/part-of',
  'mlp.dev/platform-id',
  'mlp.dev/environment',
  'mlp.dev/step',
  'mlp.dev/owner',
])
/**
 * What does nothing beyond its namespace once it cannot have pods. All else might: a route takes traffic, a rule wakes
 * somebody, a claim buys a disk. Of that the API server is only asked whether it would take it.
 */
const harmlessKinds: ReadonlySet<string> = new Set([
  'ConfigMap',
  'CronJob',
  'DaemonSet',
  'Deployment',
  'HorizontalPodAutoscaler',
  'LimitRange',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'Service',
  'ServiceAccount',
  'StatefulSet',
])

export interface Rehearsal {
  /** Made and found to be as it was written down. */
  readonly restored: number
  /** The API server would take it. */
  readonly accepted: number
  readonly problems: readonly string[]
  readonly seconds: number
}

/** Restores the copy into namespaces of its own, without a single pod, compares what came, and takes all away again. */
export async function rehearseRestore(
  context: Context,
  client: KubeClient,
  copy: ClusterCopy,
  report: (message: string) => void,
): Promise<Rehearsal> {
  await removeRehearsal(context, client)
  try {
    const startedAt = performance.now()
    for (const namespace of savedNamespaces) await client.apply(scratchNamespace(context, namespace))
    report(`restoring ${copy.objects.length} objects into ${savedNamespaces.map(scratchOf).join(' and ')}`)
    const outcomes = await Promise.all(copy.objects.map(object => restore(context, client, object)))
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10
    return {
      restored: outcomes.filter(outcome => outcome === 'restored').length,
      accepted: outcomes.filter(outcome => outcome === 'accepted').length,
      problems: outcomes.flatMap(outcome => (typeof outcome === 'string' ? [] : [outcome.problem])),
      seconds,
    }
  } finally {
    await removeRehearsal(context, client)
  }
}

/** Namespaces that a rehearsal has left behind, or in which one is under way. */
export async function findRehearsals(context: Context, client: KubeClient): Promise<readonly KubeObject[]> {
  return client.list({
    apiVersion: 'v1',
    kind: 'Namespace',
    labelSelector: selectorOf(context, rehearsalName),
  })
}

export async function removeRehearsal(context: Context, client: KubeClient): Promise<void> {
  const found = await findRehearsals(context, client)
  for (const namespace of found) await client.delete(refOf(namespace), namespace.metadata.uid)
  for (const namespace of found)
    await client.waitFor(refOf(namespace), {
      what: `removing ${describeRef(refOf(namespace))}`,
      timeoutMs: leavingMs,
      done: seen => seen === undefined || seen.metadata.uid !== namespace.metadata.uid,
    })
}

type Outcome = 'restored' | 'accepted' | { readonly problem: string }

async function restore(context: Context, client: KubeClient, saved: KubeObject): Promise<Outcome> {
  const name = describeRef(refOf(saved))
  const isHarmless = harmlessKinds.has(saved.kind)
  const wanted = inert(saved)
  const { namespace = '' } = saved.metadata
  const placed = mark(context, rehearsalName, {
    ...wanted,
    metadata: { ...wanted.metadata, namespace: scratchOf(namespace) },
  })
  try {
    await client.apply(placed, { dryRun: !isHarmless })
    if (!isHarmless) return 'accepted'
    const live = await client.get(refOf(placed))
    if (live === undefined) return { problem: `${name}: not there after it was restored` }
    const differences = diffFields(comparable(wanted), comparable(inert(withoutOwn(live))))
    if (differences.length === 0) return 'restored'
    return {
      problem: `${name}: ${differences.slice(0, differencesNamed).map(describeDifference).join('; ')}`,
    }
  } catch (error) {
    if (error instanceof MlpError) return { problem: `${name}: ${error.detail ?? error.message}` }
    throw error
  }
}

function scratchOf(namespace: string): string {
  return `${scratchPrefix}${namespace}`
}

/** Nothing enters the mesh there, and pods are refused as in the original. */
function scratchNamespace(context: Context, namespace: string): KubeObject {
  const name = scratchOf(namespace)
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'istio-injection': 'disabled' }
  return mark(context, rehearsalName, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
}

/** The same object, so that no pod of it runs and nothing outside of the cluster is made for it. */
function inert(object: KubeObject): KubeObject {
  const spec = record(object['spec'])
  switch (object.kind) {
    case 'Deployment':
    case 'StatefulSet':
      return { ...object, spec: { ...spec, replicas: 0 } }
    case 'DaemonSet': {
      const template = record(spec['template'])
      const nodeSelector = { 'mlp.dev/no-such-node': 'true' }
      const pods = { ...record(template['spec']), nodeSelector }
      return { ...object, spec: { ...spec, template: { ...template, spec: pods } } }
    }
    case 'CronJob':
      return { ...object, spec: { ...spec, suspend: true } }
    case 'Service':
      return spec['type'] === 'LoadBalancer' || spec['type'] === 'NodePort'
        ? { ...object, spec: { ...without(spec, outside), type: 'ClusterIP' } }
        : object
    default:
      return object
  }
}

const outside = new Set([
  'allocateLoadBalancerNodePorts',
  'externalTrafficPolicy',
  'loadBalancerClass',
  'loadBalancerIP',
  'loadBalancerSourceRanges',
])

function comparable(object: KubeObject): JsonObject {
  const { namespace: _, labels, annotations, ...metadata } = object.metadata
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: without(labels ?? {}, markKeys),
      annotations: without(annotations ?? {}, markKeys),
    },
  }
}

function without(
  object: JsonObject | Readonly<Record<string, string>>,
  keys: ReadonlySet<string>,
): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.has(key)))
}

function record(value: Json | undefined): JsonObject {
  return z.record(z.string(), z.json()).catch({}).parse(value)
}
