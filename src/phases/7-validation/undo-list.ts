import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { mark } from '../2-kubernetes/marks.ts'
import type { Context } from '../phase.ts'
import { removeObjects } from './test-objects.ts'

/*
 * What tests change in a cluster and have to change back. It is written down in the cluster before it is done, so that
 * a run that finds it after a crash, on whichever machine, undoes it.
 */

const changeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('scaled'),
    /** Of a Deployment. */
    namespace: z.string(),
    name: z.string(),
    replicas: z.int(),
  }),
  z.object({ kind: z.literal('cordoned'), name: z.string() }),
  z.object({ kind: z.literal('objects'), locations: z.array(z.string()) }),
])
export type Change = z.output<typeof changeSchema>

const replicasSchema = z.looseObject({ spec: z.looseObject({ replicas: z.int().default(1) }) })
const listSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })
const key = 'changes.json'

/** Each step has a list of its own: they run side by side. */
const refOf = (step: string): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: `mlp-validation-undo-${step}`,
  namespace: 'ml-platform',
})
const stepsWithLists = ['integration', 'load', 'failover', 'data-sync', 'chaos'] as const
export const undoListName = 'validation-undo'

/** Before it is done. */
export async function willUndo(
  context: Context,
  client: KubeClient,
  step: string,
  changes: readonly Change[],
): Promise<void> {
  const ref = refOf(step)
  const known = await readList(client, ref)
  await client.apply(
    mark(context, undoListName, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: ref.name, namespace: ref.namespace },
      data: { [key]: JSON.stringify([...known, ...changes]) },
    }),
  )
}

/** Takes a Deployment's pods away until it is undone. False where there is no such Deployment. */
export async function takePods(
  context: Context,
  client: KubeClient,
  step: string,
  deployment: ObjectRef & { readonly namespace: string },
): Promise<boolean> {
  const live = await client.get(deployment)
  if (live === undefined) return false
  const { name, namespace } = deployment
  const { replicas } = replicasSchema.parse(live).spec
  await willUndo(context, client, step, [{ kind: 'scaled', namespace, name, replicas }])
  return await client.scaleForAWhile(deployment, 0)
}

/** Undoes what is on the step's list, or on everybody's; safe to repeat. */
export async function restoreAll(
  context: Context,
  client: KubeClient,
  step: string | undefined,
  report: (message: string) => void,
): Promise<void> {
  const names = step === undefined ? stepsWithLists : [step]
  for (const name of names) {
    const ref = refOf(name)
    // The first change of a thing knows how it was before.
    const changes = await readList(client, ref)
    if (changes.length === 0) continue
    for (const change of [...changes].reverse()) {
      context.signal.throwIfAborted()
      report(`undoing: ${describeChange(change)}`)
      await restore(context, client, change, report)
    }
    await client.delete(ref)
  }
}

export function describeChange(change: Change): string {
  switch (change.kind) {
    case 'scaled':
      return `Deployment ${change.namespace}/${change.name} back to ${change.replicas}`
    case 'cordoned':
      return `node ${change.name} takes pods again`
    case 'objects':
      return `test objects below ${change.locations.join(', ')} go`
  }
}

async function restore(
  context: Context,
  client: KubeClient,
  change: Change,
  report: (message: string) => void,
): Promise<void> {
  switch (change.kind) {
    case 'scaled': {
      const { namespace, name, replicas } = change
      await client.scaleForAWhile({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace }, replicas)
      return
    }
    case 'cordoned':
      await client.cordon(change.name, false)
      return
    case 'objects':
      await removeObjects(context, client, change.locations, report)
  }
}

/** What is still to be undone in this cluster, by whichever step. */
export async function openChanges(client: KubeClient): Promise<readonly Change[]> {
  return (await Promise.all(stepsWithLists.map(step => readList(client, refOf(step))))).flat()
}

async function readList(client: KubeClient, ref: ObjectRef): Promise<readonly Change[]> {
  const { data } = listSchema.safeParse(await client.get(ref)).data ?? { data: {} }
  return z.array(changeSchema).safeParse(parseJson(data[key] ?? '[]')).data ?? []
}
