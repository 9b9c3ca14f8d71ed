import { stringify } from 'yaml'
import type { CloudName, ClusterAccess } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import type { StepId } from '../../engine/step.ts'
import { secretValues } from '../../kube/secret.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster } from '../2-kubernetes/cluster.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { controlPlaneStepId } from './control-plane-step.ts'
import { istioNamespace, meshNames } from './mesh.ts'
import { secretStep } from './secret-step.ts'

const readerToken = {
  apiVersion: 'v1',
  kind: 'Secret',
  name: 'mlp-mesh-reader-token',
  namespace: istioNamespace,
} as const
const tokenTimeoutMs = 60_000

function readerStepId(cloud: CloudName): StepId {
  return `4.${cloud}.mesh-reader`
}

function remoteSecretName(config: Config, other: CloudName): string {
  return `istio-remote-secret-${meshNames(config, other).cluster}`
}

/**
 * In one cluster, the Secret by which its istiod reads another's services: what `istioctl create-remote-secret` makes,
 * with a reader that may not read Secrets.
 */
export function remoteStep(config: Config, cloud: CloudName, other: CloudName): PlatformStep {
  const { cluster } = meshNames(config, other)
  const step = secretStep({
    cloud,
    name: `mesh-remote-${other}`,
    title: `Services of ${cluster} are known here`,
    needs: [controlPlaneStepId(cloud), readerStepId(other), controlPlaneStepId(other)],
    secret: { name: remoteSecretName(config, other), namespace: istioNamespace },
    labels: { 'istio/multiCluster': 'true' },
    annotations: { 'networking.istio.io/cluster': cluster },
    inputs: context => ({ cluster: meshNames(context.config, other).cluster }),
    async judge(context, values) {
      const kubeconfig = values[cluster]
      if (kubeconfig === undefined) return 'it does not name the cluster'
      // Without that cluster in the run, what stands is trusted.
      const access = await accessOf(context, other)
      if (access === undefined) return undefined
      const token = await readToken(context, other, access)
      return kubeconfig === kubeconfigOf(cluster, access, token)
        ? undefined
        : 'endpoint, authority or token of the other cluster are others now'
    },
    async make(context) {
      const access = await accessOf(context, other)
      if (access === undefined) throw notInRun(cloud, other)
      const token = await awaitToken(context, other, access)
      return { [cluster]: kubeconfigOf(cluster, access, token) }
    },
  })
  return { ...step, joins: [other] }
}

/** Undefined when the other cloud is not part of this run, or has no cluster. */
async function accessOf(context: Context, cloud: CloudName): Promise<ClusterAccess | undefined> {
  return context.clouds.has(cloud) ? await cloudOf(context, cloud).cluster(context.signal) : undefined
}

async function readToken(context: Context, other: CloudName, access: ClusterAccess): Promise<string> {
  const secret = await openCluster(context, cloudOf(context, other), access).get(readerToken)
  return secretValues(secret)['token'] ?? ''
}

/** Kubernetes fills it in a moment after the Secret was made. */
async function awaitToken(context: Context, other: CloudName, access: ClusterAccess): Promise<string> {
  const secret = await openCluster(context, cloudOf(context, other), access).waitFor(readerToken, {
    what: 'the token of the account that reads this cluster',
    timeoutMs: tokenTimeoutMs,
    done: seen => secretValues(seen)['token'] !== undefined,
  })
  return secretValues(secret)['token'] ?? ''
}

function kubeconfigOf(name: string, access: ClusterAccess, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: access.endpoint,
          'certificate-authority-data': Buffer.from(access.certificateAuthorityPem).toString('base64'),
        },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  })
}

function notInRun(cloud: CloudName, other: CloudName): MlpError {
  return new MlpError({
    code: 'MLP4054',
    summary: `The cluster of ${other} is not part of this run`,
    detail: `${cloud}’s istiod needs its endpoint and a token of it.`,
    remedy: [`Run without --cloud, or with both: mlp phase 4 --cloud ${cloud} --cloud ${other}`],
  })
}
