import type { CloudName } from '../../clouds/cloud.ts'
import { platformIdKey } from '../../config/names.ts'
import type { Leftover } from '../../engine/events.ts'
import type { Undone } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { type HelmOptions, waitForEarlierHelm, withHelm } from '../../tools/helm.ts'
import { isAdopted, selectorOf } from '../2-kubernetes/marks.ts'
import type { Context } from '../phase.ts'
import { crdKind, crdSchema, crdStep } from './crds.ts'
import { monitoringNamespace, releaseName } from './names.ts'
import { readRelease } from './release.ts'

const goneTimeoutMs = 180_000
/** Made by the chart's hooks, which helm forgets, or in pods, of which it does not know. */
const admission = `${releaseName}-kube-prometheus-admission`
const leftByHooks: readonly ObjectRef[] = [
  ...['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'].map(kind => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    name: admission,
  })),
  ...['ClusterRole', 'ClusterRoleBinding'].map(kind => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    name: admission,
  })),
  ...['Role', 'RoleBinding'].map(kind => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    name: admission,
    namespace: monitoringNamespace,
  })),
  ...[`${admission}-create`, `${admission}-patch`].map(name => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    name,
    namespace: monitoringNamespace,
  })),
  { apiVersion: 'v1', kind: 'ServiceAccount', name: admission, namespace: monitoringNamespace },
  { apiVersion: 'v1', kind: 'Secret', name: admission, namespace: monitoringNamespace },
]

/** The release, what its hooks and pods left, its volumes where that was agreed to, and the CRDs that nobody uses. */
export async function undoStack(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  /** Asked for only where there is a release to remove: helm may have to be built first. */
  helmOptions: () => Promise<HelmOptions>,
  report: (message: string) => void,
): Promise<Undone> {
  const removed: Leftover[] = []
  const kept: Leftover[] = []
  const left: Leftover[] = []
  const release = await readRelease(client)
  if (release !== undefined && release.platformId !== context.platformId) {
    kept.push({
      cloud,
      type: 'Release',
      id: `${monitoringNamespace}/${releaseName}`,
      name: releaseName,
      reason: 'it was not made by this platform',
    })
    return { removed, kept, left }
  }
  if (release !== undefined) {
    report(`helm uninstall ${releaseName}`)
    const options = await helmOptions()
    await waitForEarlierHelm(options.runRecord, context.signal, report)
    await withHelm(context, options, helm => helm.uninstall(releaseName))
    removed.push({
      cloud,
      type: 'Release',
      id: `${monitoringNamespace}/${releaseName}`,
      name: releaseName,
      reason: 'made by mlp',
    })
    for (const ref of leftByHooks) {
      if (!(await client.delete(ref))) continue
      report(`removing ${describeRef(ref)}`)
    }
  }
  for (const claim of await metricsVolumes(context, client)) {
    if (!context.consent.destroyData) {
      kept.push(row(cloud, claim, `metrics are data: --destroy-data removes them${diskOf(claim)}`))
      continue
    }
    report(`removing ${describeRef(refOf(claim))}`)
    await remove(client, claim)
    removed.push(row(cloud, claim, 'made by mlp'))
  }
  for (const crd of await client.list({ ...crdKind, labelSelector: selectorOf(context, crdStep) })) {
    if (isAdopted(crd)) {
      kept.push(row(cloud, crd, 'it was there before mlp'))
      continue
    }
    const users = await instancesOf(client, crd)
    if (users.length > 0) {
      kept.push(row(cloud, crd, `others use it: ${users.slice(0, 3).join(', ')}`))
      continue
    }
    report(`removing ${describeRef(refOf(crd))}`)
    await remove(client, crd)
    removed.push(row(cloud, crd, 'made by mlp'))
  }
  return { removed, kept, left }
}

/** Of Prometheus and Alertmanager: StatefulSets leave them, and the chart's values mark them. */
async function metricsVolumes(context: Context, client: KubeClient): Promise<readonly KubeObject[]> {
  return await client.list({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    namespace: monitoringNamespace,
    labelSelector: `${platformIdKey.kubernetes}=${context.platformId}`,
  })
}

async function remove(client: KubeClient, object: KubeObject): Promise<void> {
  await client.delete(refOf(object), object.metadata.uid)
  await client.waitFor(refOf(object), {
    what: `removing ${describeRef(refOf(object))}`,
    timeoutMs: goneTimeoutMs,
    done: seen => seen === undefined || seen.metadata.uid !== object.metadata.uid,
  })
}

async function instancesOf(client: KubeClient, crd: KubeObject): Promise<readonly string[]> {
  const { group, names, versions } = crdSchema.parse(crd).spec
  const served = versions.find(version => version.served)
  if (served === undefined) return []
  const found = await client.list({ apiVersion: `${group}/${served.name}`, kind: names.kind })
  return found.map(object => describeRef(refOf(object)))
}

function diskOf(claim: KubeObject): string {
  const spec = claim['spec']
  const volume =
    typeof spec === 'object' && spec !== null && 'volumeName' in spec ? String(spec['volumeName'] ?? '') : ''
  return volume === '' ? '' : `; its disk, ${volume}, outlives the cluster`
}

function row(cloud: CloudName, object: KubeObject, reason: string): Leftover {
  const ref = refOf(object)
  const name = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`
  return { cloud, type: ref.kind, id: describeRef(ref), name, reason }
}
