import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import type { Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Status, StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { readRollout } from '../../kube/rollout.ts'
import { type Istioctl, openIstioctl } from '../../tools/istioctl/istioctl.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { kubeconfigFile } from '../2-kubernetes/context-step.ts'
import { statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import { mark } from '../2-kubernetes/marks.ts'
import { applicationsOf } from '../3-applications/applications.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { undoControlPlane } from './control-plane-undo.ts'
import { watchInstallation } from './install-watch.ts'
import { changedSince, fingerprints, foreignIstio, installedObjects } from './installed.ts'
import { istioNamespace, meshNames, otherClouds } from './mesh.ts'
import { type Overlay, overlayOf } from './overlay.ts'

const stepName = 'control-plane'
/** What was installed, and from which overlay: where the next run, from whichever machine, finds it. */
const recordRef: ObjectRef = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: 'mlp-mesh-installation',
  namespace: istioNamespace,
}
/** Of Istio 1.31: https://istio.io/latest/docs/releases/supported-releases/ */
const supportedKubernetes = { from: 32, to: 36 } as const

export function controlPlaneStepId(cloud: CloudName): StepId {
  return `4.${cloud}.${stepName}`
}

/** istiod, its CNI plugin and the gateways, by the real istioctl. */
export function controlPlaneStep(config: Config, cloudName: CloudName): PlatformStep {
  return {
    id: controlPlaneStepId(cloudName),
    cloud: cloudName,
    title: 'Istio control plane and gateways',
    needs: [`2.${cloudName}.context`, `2.${cloudName}.namespaces`, `4.${cloudName}.mesh-authority`],
    // While istiod starts, its webhook refuses every pod: nobody should be rolled out then. Nor are they a need: it may
    // be an istiod that is gone which keeps their pods away.
    after: applicationsOf(config, cloudName).map((name): StepId => `3.${cloudName}.${name}`),
    inputs: context => ({
      clusters: otherClouds(context.config, cloudName).map(other => contextName(other, context.config)),
      environment: context.config.environment,
    }),
    status: context =>
      statusInCluster(context, cloudName, async client =>
        standing(client, context.config, await overlayOf(context, cloudName), cloudName),
      ),
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const { meshId } = meshNames(context.config, cloudName)
      refuseForeign(client, await foreignIstio(client, meshId))
      await refuseUnsupported(client)
      const overlay = await overlayOf(context, cloudName)
      const file = await writeOverlay(context, cloudName, overlay)
      const report = (message: string) => progress.report(message)
      await tryAgain(client, meshId, report)
      report(`installing Istio ${overlay.version.tag}`)
      await watchInstallation(context, client, meshId, report, async signal => {
        const istioctl = await istioctlFor({ ...context, signal }, cloudName, controlPlaneStepId(cloudName))
        await istioctl.install(file)
      })
      const installed = await installedObjects(client, meshId)
      await client.apply(mark(context, stepName, recordOf(overlay, installed)))
      return { revision: overlay.version.revision, version: overlay.version.tag }
    },
    undo: (context, progress) =>
      undoInCluster(context, cloudName, client =>
        undoControlPlane(context, client, cloudName, stepName, message => progress.report(message)),
      ),
  }
}

/** One cluster's istioctl, by mlp's own kubeconfig. */
export async function istioctlFor(context: Context, cloud: CloudName, step?: string): Promise<Istioctl> {
  return openIstioctl(context, {
    binary: await context.toolchain.path('istioctl', context.signal),
    kubeconfig: kubeconfigFile(context),
    context: contextName(cloud, context.config),
    cloud,
    ...(step === undefined ? {} : { step }),
  })
}

/**
 * What istioctl leaves as it is. How many pods there are is an autoscaler's to say, which does nothing as long as somebody
 * wants none at all. And Kubernetes tries ever more rarely to make a pod that a webhook refuses: a gateway that was refused
 * while istiod did not answer would wait for a quarter of an hour; a new ReplicaSet is tried at once.
 */
async function tryAgain(
  client: KubeClient,
  meshId: string,
  report: (message: string) => void,
): Promise<void> {
  for (const object of await installedObjects(client, meshId)) {
    if (object.kind !== 'Deployment') continue
    const deployment = refOf(object)
    const { refusedToCreate, wanted } = await readRollout(client, deployment)
    if (wanted === 0) {
      report(`${describeRef(deployment)} was scaled to none`)
      await client.scale(deployment, 1)
    } else if (refusedToCreate !== undefined) {
      report(`new pods for ${describeRef(deployment)}, which were refused before`)
      await client.restart(deployment, new Date())
    }
  }
}

const recordSchema = z.looseObject({
  data: z.object({ overlay: z.string(), version: z.string(), installed: z.string() }),
})

async function standing(
  client: KubeClient,
  config: Config,
  overlay: Overlay,
  cloud: CloudName,
): Promise<Status> {
  const { meshId } = meshNames(config, cloud)
  const [objects, record] = await Promise.all([installedObjects(client, meshId), client.get(recordRef)])
  const parsed = recordSchema.safeParse(record)
  if (objects.length === 0) return { state: 'absent' }
  if (!parsed.success) return { state: 'partial', why: 'an installation was begun and not finished' }
  const { data } = parsed.data
  if (data.version !== overlay.version.tag) {
    return { state: 'drifted', why: `version ${data.version} -> ${overlay.version.tag}` }
  }
  if (data.overlay !== overlay.hash) return { state: 'drifted', why: 'another overlay was applied' }
  const change = changedSince(data.installed, fingerprints(objects))
  if (change !== undefined) return { state: 'drifted', why: change }
  for (const deployment of objects.filter(({ kind }) => kind === 'Deployment')) {
    const { done, ready, wanted } = await readRollout(client, refOf(deployment))
    if (!done || wanted === 0) {
      return { state: 'partial', why: `${describeRef(refOf(deployment))}: ${ready} of ${wanted} ready` }
    }
  }
  const { revision, tag } = overlay.version
  return { state: 'present', outputs: { revision, version: tag }, why: `Istio ${tag} runs` }
}

function recordOf(overlay: Overlay, installed: readonly KubeObject[]): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: recordRef.name, namespace: istioNamespace },
    data: {
      overlay: overlay.hash,
      version: overlay.version.tag,
      installed: JSON.stringify(fingerprints(installed)),
    },
  }
}

async function writeOverlay(context: Context, cloud: CloudName, overlay: Overlay): Promise<string> {
  const folder = join(context.home, 'mesh')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${contextName(cloud, context.config)}.yaml`)
  await writeFile(file, overlay.text, { mode: 0o600 })
  return file
}

function refuseForeign(client: KubeClient, foreign: readonly string[]): void {
  if (foreign.length === 0) return
  throw new MlpError({
    code: 'MLP4050',
    summary: `There is an Istio in cluster ${client.label.cluster} on ${client.label.cloud} that mlp did not install`,
    detail: `${foreign.join('\n')}\nIt was left as it is, and nothing was installed.`,
    remedy: [
      'Remove it where it was installed (istioctl uninstall, helm uninstall, the cloud’s managed mesh), its CRDs too.',
      'Or give the platform a cluster of its own.',
    ],
  })
}

async function refuseUnsupported(client: KubeClient): Promise<void> {
  const version = await client.version()
  const minor = Number(/^v1\.(\d+)/.exec(version)?.[1])
  const { from, to } = supportedKubernetes
  if (minor >= from && minor <= to) return
  throw new MlpError({
    code: 'MLP4053',
    summary: `Istio does not support Kubernetes ${version} of cluster ${client.label.cluster} on ${client.label.cloud}`,
    detail: `This Istio supports 1.${from} to 1.${to}. Nothing was installed.`,
    remedy: [`Set kubernetesVersion in mlp.yaml, then: mlp bootstrap --to 1 --cloud ${client.label.cloud}`],
  })
}
