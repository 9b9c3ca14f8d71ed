import type { CloudName } from '../../clouds/cloud.ts'
import { platformIdKey } from '../../config/names.ts'
import type { Leftover } from '../../engine/events.ts'
import type { Undone } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'
import type { Declaration } from './declarations.ts'
import { isAdopted, ownerOf, selectorOf } from './marks.ts'

const deletionTimeoutMs = 180_000
const namesListed = 5

/** Kubernetes fills every namespace with these; Istio with the last two. */
const furniture = new Set([
  'ConfigMap kube-root-ca.crt',
  'ServiceAccount default',
  'ConfigMap istio-ca-root-cert',
  'ConfigMap istio-ca-crl',
])
/** Follow from other objects or only tell of them. */
const derivedKinds = new Set([
  'Event',
  'Endpoints',
  'EndpointSlice',
  'PodMetrics',
  'Lease',
  'ControllerRevision',
])

/** Takes back what one step made in a cluster, found by its marks; nothing that is not marked. */
export async function undoObjects(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  declaration: Pick<Declaration, 'name' | 'kinds'>,
  report: (message: string) => void,
): Promise<Undone> {
  const removed: Leftover[] = []
  const leaving: { readonly found: KubeObject; readonly row: Leftover }[] = []
  const kept: Leftover[] = []
  const left: Leftover[] = []
  for (const { apiVersion, kind } of declaration.kinds) {
    const labelSelector = selectorOf(context, declaration.name)
    for (const found of await client.list({ apiVersion, kind, labelSelector })) {
      const row = (reason: string) => leftover(cloud, found, reason)
      if (isAdopted(found)) {
        kept.push(row('it was there before mlp'))
        continue
      }
      const volumes =
        kind === 'Namespace' && !context.consent.destroyData
          ? await ownVolumes(context, client, found.metadata.name)
          : []
      if (volumes.length > 0) {
        kept.push(row(`holds volumes with data, which --destroy-data removes: ${summarise(volumes)}`))
        continue
      }
      const foreign = kind === 'Namespace' ? await foreignContent(context, client, found.metadata.name) : []
      if (foreign.length > 0) {
        left.push(row(`holds what mlp did not make: ${summarise(foreign)}`))
        continue
      }
      report(`removing ${describeRef(refOf(found))}`)
      await client.delete(refOf(found), found.metadata.uid)
      leaving.push({ found, row: row('made by mlp') })
    }
  }
  // Namespaces take seconds to empty themselves; they do so side by side.
  for (const { found, row } of leaving) {
    await client.waitFor(refOf(found), {
      what: `removing ${describeRef(refOf(found))}`,
      timeoutMs: deletionTimeoutMs,
      done: seen => seen === undefined || seen.metadata.uid !== found.metadata.uid,
    })
    removed.push(row)
  }
  return { removed, kept, left }
}

/** Claims that bear this platform's mark: their disks would go with the namespace. */
async function ownVolumes(
  context: Context,
  client: KubeClient,
  namespace: string,
): Promise<readonly string[]> {
  const labelSelector = `${platformIdKey.kubernetes}=${context.platformId}`
  const claims = await client.list({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    namespace,
    labelSelector,
  })
  return claims.map(claim => claim.metadata.name)
}

/** What would go with a namespace although it is not ours, or not ours to delete. What an object owns goes with it. */
async function foreignContent(
  context: Context,
  client: KubeClient,
  namespace: string,
): Promise<readonly string[]> {
  const kinds = await client.namespacedKinds()
  const lists = await Promise.all(
    kinds
      .filter(({ kind, listable }) => listable && !derivedKinds.has(kind))
      .map(({ apiVersion, kind }) => client.list({ apiVersion, kind, namespace })),
  )
  return lists
    .flat()
    .filter(object => ownerOf(context, object) !== 'ours' || isAdopted(object))
    .filter(object => !Array.isArray(object.metadata['ownerReferences']))
    .map(object => `${object.kind} ${object.metadata.name}`)
    .filter(name => !furniture.has(name))
}

function summarise(names: readonly string[]): string {
  const more = names.length - namesListed
  return names.slice(0, namesListed).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function leftover(cloud: CloudName, object: KubeObject, reason: string): Leftover {
  const ref = refOf(object)
  const name = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`
  return { cloud, type: ref.kind, id: describeRef(ref), name, reason }
}
