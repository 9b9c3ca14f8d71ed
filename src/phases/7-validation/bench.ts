import type { CloudName } from '../../clouds/cloud.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { newestPods } from '../../kube/revisions.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import { operatorKey } from '../3-applications/keys-step.ts'
import { istioNamespace } from '../4-mesh/mesh.ts'
import type { Context } from '../phase.ts'

/** Through which the clusters of a mesh reach each other. */
export const eastWest: ObjectRef & { readonly namespace: string } = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  name: 'istio-eastwestgateway',
  namespace: istioNamespace,
}

/** What every test of one cluster is given. */
export interface CloudBench {
  readonly context: Context
  readonly cloud: CloudName
  readonly client: KubeClient
  /** The operator's key for the gateway, which lives in the cluster. */
  readonly key: string
  report(message: string): void
}

export async function openBench(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  report: (message: string) => void,
): Promise<CloudBench> {
  const key = (await operatorKey(client)) ?? ''
  return { context, cloud, client, key, report }
}

export interface Running {
  /** Names of the newest pods. */
  readonly pods: readonly string[]
  /** Nothing runs in them. */
  readonly simulated: boolean
}

/** The pods of a Deployment that is there. */
export async function runningPods(client: KubeClient, ref: ObjectRef): Promise<Running> {
  const deployment = await client.get(ref)
  if (deployment === undefined) return { pods: [], simulated: false }
  const pods = await newestPods(client, deployment)
  return {
    pods: pods.map(({ metadata }) => metadata.name),
    simulated: rolloutState(deployment, pods).simulated,
  }
}

export function servicePods(
  client: KubeClient,
  name: 'api-gateway' | 'model-serving' | 'data-sync' | 'mlflow',
): Promise<Running> {
  return runningPods(client, deploymentOf(name))
}
