import { refusedBy } from './answers.ts'
import type { ClusterLabel } from './errors.ts'
import { describeRef, type KubeObject, type ObjectRef } from './objects.ts'
import type { HttpAnswer, Transport } from './transport.ts'

const restartManager = 'mlp-restart'
const labelManager = 'mlp-labels'
/** Of what is changed only for a while, and changed back: it must own nothing in the end. */
const passingManager = 'mlp-passing'

/** Changes of single fields of objects that somebody declares: each leaves the declaration as it is. */
export interface Patches {
  /** New pods for a Deployment, StatefulSet or DaemonSet, one after the other, as `kubectl rollout restart` asks for them. */
  restart(ref: ObjectRef, at: Date): Promise<void>
  /** How many pods a Deployment or StatefulSet has, until an autoscaler says otherwise. */
  scale(ref: ObjectRef, replicas: number): Promise<void>
  /**
   * Sets labels (null: takes them away) on an object that another step declares, and leaves that step's fields alone.
   * Returns the API server's warnings.
   */
  setLabels(
    ref: ObjectRef,
    labels: Readonly<Record<string, string | null>>,
    options?: { readonly dryRun?: boolean },
  ): Promise<readonly string[]>
  /** How many pods a Deployment has, for a while: whoever declares it still owns the number. False when it is not there. */
  scaleForAWhile(deployment: ObjectRef, replicas: number): Promise<boolean>
  /** Whether the node takes new pods. False when there is no such node. */
  cordon(node: string, cordoned: boolean): Promise<boolean>
  /** As `kubectl drain` does it: false where a disruption budget does not allow it now. */
  evict(pod: { readonly namespace: string; readonly name: string }): Promise<boolean>
}

interface Cluster {
  readonly label: ClusterLabel
  readonly transport: Pick<Transport, 'send'>
  /** Throws where the cluster has no such kind. */
  readonly pathOf: (ref: ObjectRef) => Promise<string>
  readonly get: (ref: ObjectRef) => Promise<KubeObject | undefined>
}

export function openPatches({ label, transport, pathOf, get }: Cluster): Patches {
  const merge = (path: string, query: Readonly<Record<string, string>>, body: object) =>
    transport.send({
      method: 'PATCH',
      path: `${path}?${new URLSearchParams(query)}`,
      body,
      contentType: 'application/merge-patch+json',
    })

  function accepted(action: string, answer: HttpAnswer): HttpAnswer {
    if (answer.status >= 300) throw refusedBy(label, action, answer)
    return answer
  }

  return {
    async restart(ref, at) {
      const annotations = { 'kubectl.kubernetes.io/restartedAt': at.toISOString() }
      const body = { spec: { template: { metadata: { annotations } } } }
      const answer = await merge(await pathOf(ref), { fieldManager: restartManager }, body)
      accepted(`restart ${describeRef(ref)}`, answer)
    },
    async scale(ref, replicas) {
      const answer = await merge(`${await pathOf(ref)}/scale`, {}, { spec: { replicas } })
      accepted(`scale ${describeRef(ref)}`, answer)
    },
    async setLabels(ref, labels, { dryRun = false } = {}) {
      const query = { fieldManager: labelManager, ...(dryRun ? { dryRun: 'All' } : {}) }
      const answer = await merge(await pathOf(ref), query, { metadata: { labels } })
      return accepted(`label ${describeRef(ref)}`, answer).warnings
    },
    async scaleForAWhile(ref, replicas) {
      const path = await pathOf(ref)
      const passing = { fieldManager: passingManager }
      const answer = await merge(`${path}/scale`, passing, { spec: { replicas } })
      if (answer.status === 404) return false
      accepted(`scale ${describeRef(ref)}`, answer)
      // Who changes a field owns it, and the next apply of another number would be a conflict with nobody.
      const live = await get(ref)
      const managedFields = live?.metadata.managedFields?.filter(({ manager }) => manager !== passingManager)
      await merge(path, passing, {
        metadata: { managedFields, resourceVersion: live?.metadata.resourceVersion },
      })
      return true
    },
    async cordon(node, cordoned) {
      const path = `/api/v1/nodes/${encodeURIComponent(node)}`
      const body = { spec: { unschedulable: cordoned ? true : null } }
      const answer = await merge(path, { fieldManager: passingManager }, body)
      if (answer.status === 404) return false
      accepted(`cordon node ${node}`, answer)
      return true
    },
    async evict({ namespace, name }) {
      const answer = await transport.send({
        method: 'POST',
        path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/eviction`,
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
      })
      if (answer.status === 429) return false
      if (answer.status !== 404) accepted(`evict pod ${namespace}/${name}`, answer)
      return true
    },
  }
}
