import type { CloudName } from '../../clouds/cloud.ts'
import type { Undone } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { mark, selectorOf } from '../2-kubernetes/marks.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context } from '../phase.ts'

/** Where test data lies in the buckets: data-sync's program for it takes nothing else. */
export const testPrefix = 'mlp-validation'
/** How all that tests make in a cluster is called. */
export const testName = (name: string) => `mlp-validation-${name}`
const testObjects = 'validation-objects'
/** In the order in which they go. */
const kinds = [
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'batch/v1', kind: 'Job' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Secret' },
] as const

/** The object, carrying that a test made it: whatever happens, the next run finds it and takes it away. */
export function markTest(context: Context, object: KubeObject): KubeObject {
  return mark(context, testObjects, object)
}

export function isTestObject({ metadata }: KubeObject): boolean {
  return metadata.labels?.['mlp.dev/step'] === testObjects
}

export async function removeTestObjects(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  report: (message: string) => void,
): Promise<Undone> {
  return await undoObjects(context, client, cloud, { name: testObjects, kinds }, report)
}

/** What tests have left behind in the cluster. */
export async function findTestObjects(context: Context, client: KubeClient): Promise<readonly KubeObject[]> {
  const labelSelector = selectorOf(context, testObjects)
  return (await Promise.all(kinds.map(kind => client.list({ ...kind, labelSelector })))).flat()
}
