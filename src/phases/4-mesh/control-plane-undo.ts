import type { CloudName } from '../../clouds/cloud.ts'
import type { Leftover } from '../../engine/events.ts'
import type { Undone } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context } from '../phase.ts'
import { installedDefinitions, installedObjects } from './installed.ts'
import { istioNamespace, meshNames } from './mesh.ts'
import { restartWorkloads } from './sidecars.ts'

const deletionTimeoutMs = 180_000
const leaderKey = 'control-plane.alpha.kubernetes.io/leader'

/**
 * Webhooks first, so that no pod waits for an istiod that goes; then gateways, the control plane, and its CRDs, except
 * those of which somebody else has objects: they would go with them. What carries another owner's label, or none, is
 * nobody's of ours to remove.
 */
export async function undoControlPlane(
  context: Context,
  client: KubeClient,
  cloudName: CloudName,
  stepName: string,
  report: (message: string) => void,
): Promise<Undone> {
  const { meshId } = meshNames(context.config, cloudName)
  const removed: Leftover[] = []
  const left: Leftover[] = []
  const row = (object: KubeObject, reason: string): Leftover => {
    const { kind, name, namespace } = refOf(object)
    return {
      cloud: cloudName,
      type: kind,
      id: describeRef(refOf(object)),
      name: namespace === undefined ? name : `${namespace}/${name}`,
      reason,
    }
  }
  const remove = async (objects: readonly KubeObject[]) => {
    for (const object of objects) {
      report(`removing ${describeRef(refOf(object))}`)
      await client.delete(refOf(object), object.metadata.uid)
    }
    for (const object of objects) {
      await client.waitFor(refOf(object), {
        what: `removing ${describeRef(refOf(object))}`,
        timeoutMs: deletionTimeoutMs,
        done: seen => seen === undefined || seen.metadata.uid !== object.metadata.uid,
      })
      removed.push(row(object, 'made by mlp'))
    }
  }
  const installed = await installedObjects(client, meshId)
  await remove(installed)
  if (installed.length > 0) await remove(await leaderRecords(client))
  await restartWorkloads(client, { without: true }, report)
  const definitions = await installedDefinitions(client, meshId)
  const withObjects = new Map<string, string>()
  for (const definition of definitions) {
    const foreign = await instancesOf(client, definition)
    if (foreign.length > 0) withObjects.set(definition.metadata.name, foreign.slice(0, 3).join(', '))
  }
  for (const definition of definitions) {
    const names = withObjects.get(definition.metadata.name)
    if (names !== undefined) left.push(row(definition, `has objects that mlp did not make: ${names}`))
  }
  await remove(definitions.filter(({ metadata }) => !withObjects.has(metadata.name)))
  const recorded = await undoObjects(
    context,
    client,
    cloudName,
    { name: stepName, kinds: [{ apiVersion: 'v1', kind: 'ConfigMap' }] },
    report,
  )
  return {
    removed: [...removed, ...recorded.removed],
    kept: recorded.kept,
    left: [...left, ...recorded.left],
  }
}

/** By which istiods agreed who of them does what: they leave them behind. */
async function leaderRecords(client: KubeClient): Promise<readonly KubeObject[]> {
  const found = await client.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: istioNamespace })
  return found.filter(({ metadata }) => metadata.annotations?.[leaderKey] !== undefined)
}

/** What is left of a kind: mlp's own went before, and what an object owns goes with it. */
async function instancesOf(client: KubeClient, definition: KubeObject): Promise<readonly string[]> {
  const kind = kindOf(definition)
  if (kind === undefined) return []
  return (await client.list(kind))
    .filter(({ metadata }) => !Array.isArray(metadata['ownerReferences']))
    .map(object => describeRef(refOf(object)))
}

function kindOf({ spec }: KubeObject) {
  if (typeof spec !== 'object' || spec === null || !('group' in spec) || !('names' in spec)) return undefined
  const { group, names, versions } = spec
  const stored = Array.isArray(versions)
    ? versions.find(
        version =>
          typeof version === 'object' && version !== null && 'storage' in version && version.storage === true,
      )
    : undefined
  const kind = typeof names === 'object' && names !== null && 'kind' in names ? names.kind : undefined
  const name = typeof stored === 'object' && stored !== null && 'name' in stored ? stored.name : undefined
  return typeof group === 'string' && typeof kind === 'string' && typeof name === 'string'
    ? { apiVersion: `${group}/${name}`, kind }
    : undefined
}
