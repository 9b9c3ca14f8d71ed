import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Status } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import type { PlatformStep } from '../phase.ts'

/** The level that each namespace's own labels warn of since phase 2; monitoring's node exporter needs the host. */
const levels = { 'ml-platform': 'restricted', 'ml-serving': 'restricted' } as const
const enforceKey = 'pod-security.kubernetes.io/enforce'
const namespaces = Object.keys(levels) as readonly (keyof typeof levels)[]
const refOf = (name: string): ObjectRef => ({ apiVersion: 'v1', kind: 'Namespace', name })

/** Until here the level was only warned of; from here on what breaks it is refused. */
export function podSecurityStep(cloud: CloudName): PlatformStep {
  return {
    id: `8.${cloud}.pod-security`,
    cloud,
    title: 'Pod Security: restricted, enforced',
    needs: [`2.${cloud}.namespaces`, `3.${cloud}.api-gateway`, `3.${cloud}.model-serving`],
    inputs: () => ({ ...levels }),
    status: context => statusInCluster(context, cloud, statusOf),
    async apply(context, progress) {
      const client = await requireCluster(context, cloud)
      for (const namespace of namespaces) {
        progress.report(`asking what would be refused in ${namespace}`)
        const label = { [enforceKey]: levels[namespace] }
        const warnings = await client.setLabels(refOf(namespace), label, { dryRun: true })
        if (warnings.length > 0) throw wouldBeRefused(cloud, namespace, warnings)
        await client.setLabels(refOf(namespace), label)
      }
      return { ...levels }
    },
    async undo(context) {
      return undoInCluster(context, cloud, async client => {
        for (const namespace of namespaces) {
          const live = await client.get(refOf(namespace))
          if (live?.metadata.labels?.[enforceKey] !== undefined)
            await client.setLabels(refOf(namespace), { [enforceKey]: null })
        }
        return { removed: [], kept: [], left: [] }
      })
    },
  }
}

/** Which namespaces do not enforce their level; empty: all do. */
export async function notEnforced(client: KubeClient): Promise<readonly string[]> {
  const found = await Promise.all(namespaces.map(namespace => client.get(refOf(namespace))))
  return namespaces.filter(
    (namespace, index) => found[index]?.metadata.labels?.[enforceKey] !== levels[namespace],
  )
}

async function statusOf(client: KubeClient): Promise<Status> {
  const open = await notEnforced(client)
  if (open.length === 0) return { state: 'present', outputs: { ...levels } }
  return open.length === namespaces.length
    ? { state: 'absent' }
    : { state: 'partial', why: `not enforced in ${open.join(', ')}` }
}

function wouldBeRefused(cloud: CloudName, namespace: string, warnings: readonly string[]): MlpError {
  return new MlpError({
    code: 'MLP4070',
    summary: `Pods in ${namespace} on ${cloud} would be refused under Pod Security level restricted`,
    detail: warnings.join('\n'),
    remedy: [
      `Change what runs there so that it passes (https://kubernetes.io/docs/concepts/security/pod-security-standards/), or move it to a namespace of its own.`,
      `mlp phase 8 --cloud ${cloud}`,
    ],
  })
}
