import type { CloudName } from '../../clouds/cloud.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef } from '../../kube/objects.ts'
import { waitForRollout } from '../../kube/rollout.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { statusInCluster } from '../2-kubernetes/in-cluster.ts'
import { kubectlFor } from '../3-applications/roll-out.ts'
import type { PlatformStep } from '../phase.ts'
import { controlPlaneStepId, istioctlFor } from './control-plane-step.ts'
import { istioVersion } from './mesh.ts'
import { type MeshPod, meshPods, refusedWorkloads, restartWorkloads, withoutSidecar } from './sidecars.ts'

const stepName = 'sidecars'

export function sidecarsStepId(cloud: CloudName): StepId {
  return `4.${cloud}.${stepName}`
}

/**
 * Pods that are older than the mesh, or of its last revision, are made anew, so that each has its proxy. New pods get
 * this revision's from here on; a revision that was installed beside an older one has by then shown that it comes up.
 */
export function sidecarsStep(cloudName: CloudName): PlatformStep {
  return {
    id: sidecarsStepId(cloudName),
    cloud: cloudName,
    title: 'A sidecar in every pod',
    needs: [controlPlaneStepId(cloudName), `4.${cloudName}.mesh-settings`],
    inputs: () => ({}),
    status: context =>
      statusInCluster(context, cloudName, async client => {
        const { revision } = await istioVersion(context)
        const [pods, current, refused] = await Promise.all([
          meshPods(client),
          defaultRevision(client),
          refusedWorkloads(client),
        ])
        if (current === undefined)
          return { state: 'absent', why: 'no control plane gives new pods a sidecar' }
        if (current !== revision)
          return { state: 'drifted', why: `new pods get sidecars of ${current}, not ${revision}` }
        const wrong = withoutSidecar(pods, revision)
        if (wrong.length > 0) return { state: 'partial', why: `without one: ${namesOf(wrong)}` }
        const [first] = refused
        if (first !== undefined)
          return { state: 'partial', why: `${describeRef(first)}: the webhook did not answer for its pods` }
        return { state: 'present', outputs: { revision }, why: `${pods.length} pods` }
      }),
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const { revision } = await istioVersion(context)
      if ((await defaultRevision(client)) !== revision) {
        progress.report(`new pods get sidecars of ${revision}`)
        await (await istioctlFor(context, cloudName, sidecarsStepId(cloudName))).setDefaultRevision(revision)
      }
      const report = (message: string) => progress.report(message)
      const refused = await refusedWorkloads(client)
      for (const workload of refused) {
        report(`new pods for ${describeRef(workload)}, which were refused before`)
        await client.restart(workload, new Date())
      }
      const options = { signal: context.signal, report, kubectl: kubectlFor(context, client) }
      for (const workload of [...refused, ...(await restartWorkloads(client, { revision }, report))]) {
        // Of the others Kubernetes makes new pods one by one as well; the step's status tells when all have one.
        if (workload.kind === 'Deployment') await waitForRollout(client, workload, options)
      }
      return { revision }
    },
  }
}

/** The revision whose webhook answers for namespaces that name none. */
async function defaultRevision(client: KubeClient): Promise<string | undefined> {
  const webhook = await client.get({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    name: 'istio-revision-tag-default',
  })
  return webhook?.metadata.labels?.['istio.io/rev']
}

export function namesOf(pods: readonly MeshPod[]): string {
  const names = pods.map(({ namespace, name }) => `${namespace}/${name}`)
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
}
