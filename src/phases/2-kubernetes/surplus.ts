import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'
import type { Declaration } from './declarations.ts'
import { isAdopted, selectorOf } from './marks.ts'

/** What a step made under another configuration and no longer wants, found by its marks: a key left behind opens doors. */
export async function surplusObjects(
  context: Context,
  client: KubeClient,
  declaration: Declaration,
  wanted: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  if (!declaration.shrinks) return []
  const names = new Set(wanted.map(object => describeRef(refOf(object))))
  const labelSelector = selectorOf(context, declaration.name)
  const lists = await Promise.all(declaration.kinds.map(kind => client.list({ ...kind, labelSelector })))
  return lists.flat().filter(object => !names.has(describeRef(refOf(object))) && !isAdopted(object))
}
