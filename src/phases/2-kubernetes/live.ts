import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'
import type { Declaration } from './declarations.ts'
import { isAdopted, selectorOf } from './marks.ts'

export interface LiveObjects {
  /** As the cluster has it; undefined when it has not. */
  live(wanted: KubeObject): KubeObject | undefined
  /** What the step made under another configuration and no longer wants. */
  readonly surplus: readonly KubeObject[]
}

/** Reads the objects of a step: several of a kind in one list, by its marks; what lost its marks, by its name. */
export async function readLive(
  context: Context,
  client: KubeClient,
  declaration: Declaration,
  wanted: readonly KubeObject[],
): Promise<LiveObjects> {
  const several = declaration.kinds.filter(
    kind => declaration.shrinks || wanted.filter(object => isOf(kind, object)).length > 1,
  )
  const [listed, gotten] = await Promise.all([
    listMarked(context, client, declaration, several),
    getAll(
      client,
      wanted.filter(object => !several.some(kind => isOf(kind, object))),
    ),
  ])
  const found = new Map([...listed, ...gotten].map(object => [nameOf(object), object]))
  const unmarked = await getAll(
    client,
    wanted.filter(object => several.some(kind => isOf(kind, object)) && !found.has(nameOf(object))),
  )
  for (const object of unmarked) found.set(nameOf(object), object)
  return {
    live: object => found.get(nameOf(object)),
    surplus: declaration.shrinks ? over(listed, wanted) : [],
  }
}

/** What a step made under another configuration and no longer wants, found by its marks: a key left behind opens doors. */
export async function surplusObjects(
  context: Context,
  client: KubeClient,
  declaration: Declaration,
  wanted: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  if (!declaration.shrinks) return []
  return over(await listMarked(context, client, declaration, declaration.kinds), wanted)
}

function over(listed: readonly KubeObject[], wanted: readonly KubeObject[]): readonly KubeObject[] {
  const names = new Set(wanted.map(nameOf))
  return listed.filter(object => !names.has(nameOf(object)) && !isAdopted(object))
}

async function listMarked(
  context: Context,
  client: KubeClient,
  declaration: Declaration,
  kinds: Declaration['kinds'],
): Promise<readonly KubeObject[]> {
  const labelSelector = selectorOf(context, declaration.name)
  return (await Promise.all(kinds.map(kind => client.list({ ...kind, labelSelector })))).flat()
}

async function getAll(client: KubeClient, wanted: readonly KubeObject[]): Promise<readonly KubeObject[]> {
  const read = await Promise.all(wanted.map(object => client.get(refOf(object))))
  return read.filter(object => object !== undefined)
}

function isOf({ apiVersion, kind }: Declaration['kinds'][number], object: KubeObject): boolean {
  return object.apiVersion === apiVersion && object.kind === kind
}

/** The same for an object as it was declared and as it is read. */
function nameOf(object: KubeObject): string {
  return `${object.apiVersion} ${describeRef(refOf(object))}`
}
