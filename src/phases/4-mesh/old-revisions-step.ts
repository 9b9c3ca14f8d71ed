import type { CloudName } from '../../clouds/cloud.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { statusInCluster } from '../2-kubernetes/in-cluster.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { istioctlFor } from './control-plane-step.ts'
import { istioVersion, meshNames, ownerLabel } from './mesh.ts'
import { injectedRevision } from './sidecars.ts'
import { sidecarsStepId } from './sidecars-step.ts'

const revisionLabel = 'istio.io/rev'

/**
 * An upgrade installs istiod beside the old one. Once no pod has a sidecar of the old one any more, it goes: nobody would
 * look after it. Where some do (a Job that still runs, somebody else's namespace), it stays for them.
 */
export function oldRevisionsStep(cloudName: CloudName): PlatformStep {
  const id: StepId = `4.${cloudName}.old-revisions`
  return {
    id,
    cloud: cloudName,
    title: 'No istiod of an earlier version',
    needs: [sidecarsStepId(cloudName)],
    inputs: () => ({}),
    status: context =>
      statusInCluster(context, cloudName, async client => {
        const { unused, used } = await oldRevisions(context, client, cloudName)
        if (unused.length > 0)
          return { state: 'partial', why: `still there, and nobody’s: ${unused.join(', ')}` }
        const stays = [...used].map(
          ([revision, pods]) => `${revision} stays, the sidecar of ${pods.join(', ')} is its`,
        )
        return { state: 'present', outputs: {}, ...(stays.length === 0 ? {} : { why: stays.join('; ') }) }
      }),
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const istioctl = await istioctlFor(context, cloudName, id)
      const { unused } = await oldRevisions(context, client, cloudName)
      for (const revision of unused) {
        progress.report(`removing istiod ${revision}`)
        await istioctl.uninstallRevision(revision)
      }
      return {}
    },
  }
}

/** Revisions of this platform's istiods other than the wanted one, and, of those that still are some pod's, whose. */
async function oldRevisions(context: Context, client: KubeClient, cloud: CloudName) {
  const { meshId } = meshNames(context.config, cloud)
  const { revision: wanted } = await istioVersion(context)
  const istiods = await client.list({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    labelSelector: `app=istiod,${ownerLabel}=${meshId}`,
  })
  const old = new Set(istiods.flatMap(({ metadata }) => metadata.labels?.[revisionLabel] ?? []))
  old.delete(wanted)
  const used = new Map<string, string[]>()
  if (old.size > 0)
    for (const { metadata } of await client.list({ apiVersion: 'v1', kind: 'Pod' })) {
      const revision = injectedRevision(metadata.annotations)
      if (revision === undefined || !old.has(revision)) continue
      used.set(revision, [...(used.get(revision) ?? []), `${metadata.namespace}/${metadata.name}`])
    }
  return { unused: [...old].filter(revision => !used.has(revision)), used }
}
