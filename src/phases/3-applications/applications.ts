import { type CloudName, namespaceOf } from '../../clouds/cloud.ts'
import { homeCloud } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { Json } from '../../engine/json.ts'
import type { StepId } from '../../engine/step.ts'
import { describeRef, refOf } from '../../kube/objects.ts'
import { readRollout } from '../../kube/rollout.ts'
import type { ImageName } from '../../tools/images/service-images.ts'
import type { Declaration } from '../2-kubernetes/declarations.ts'
import { loadTemplate } from '../2-kubernetes/templates.ts'
import { leaveReplicasToAutoscaler } from './autoscaled.ts'
import { databaseUsersStepId } from './database-users.ts'
import { withDeclaredPeers, withLivePeers } from './peer-identities.ts'
import { imageOf, podChanges, type Workload, withFiles, withPods } from './pod-changes.ts'
import { requestsIn } from './requests.ts'
import { rollOut } from './roll-out.ts'

export type ApplicationName = ImageName | 'mlflow'

const titles: Readonly<Record<ApplicationName, string>> = {
  'model-serving': 'Model servers',
  'api-gateway': 'API gateway',
  'data-sync': 'Data sync',
  mlflow: 'Model registry (MLflow)',
}

/** Each by its own identity. MLflow comes from elsewhere, and has a program of ours beside it. */
const workloadsOf: Readonly<Record<ApplicationName, Workload>> = {
  'model-serving': { account: 'model-serving', image: 'model-serving' },
  'api-gateway': { account: 'api-gateway', image: 'api-gateway' },
  'data-sync': { account: 'data-sync', image: 'data-sync' },
  mlflow: { account: 'mlflow', image: 'data-sync' },
}

export function applicationsOf(config: Config, cloud: CloudName): readonly ApplicationName[] {
  // What the gateway asks comes before it.
  const services: readonly ApplicationName[] = ['model-serving', 'api-gateway', 'data-sync']
  // MLflow runs once.
  return homeCloud(config) === cloud ? [...services, 'mlflow'] : services
}

/** Where the Deployment of an application is. */
export function deploymentOf(name: ApplicationName) {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace: namespaceOf(name) } as const
}

/** One application's objects in a cluster, and the wait until its pods are there. */
export function application(name: ApplicationName): Declaration {
  return {
    phase: 3,
    name,
    title: titles[name],
    kinds: [
      { apiVersion: 'v1', kind: 'ConfigMap' },
      { apiVersion: 'v1', kind: 'Service' },
      { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
      { apiVersion: 'apps/v1', kind: 'Deployment' },
    ],
    needs: cloud => [
      `2.${cloud}.config-map`,
      `2.${cloud}.workload-identity`,
      `2.${cloud}.priority-classes`,
      `3.${cloud}.images`,
      ...(name === 'mlflow' ? [] : ([`3.${cloud}.keys`] satisfies StepId[])),
      ...(name === 'data-sync' || name === 'mlflow' ? [databaseUsersStepId(cloud)] : []),
    ],
    async objects(context, cloud) {
      const pods = podChanges(context, cloud, workloadsOf[name])
      if (pods === undefined) return undefined
      const objects = await loadTemplate(context, `applications/${name}.yaml`)
      const requests = await requestsIn(context)
      return objects.map(object => {
        if (object.kind === 'Deployment') {
          const made = withPods(object, pods, requests)
          return name === 'data-sync' ? withDeclaredPeers(context, cloud, made) : made
        }
        return object.kind === 'ConfigMap' ? withFiles(object, pods) : object
      })
    },
    inputs: (context, cloud): Json => ({ image: imageOf(context, cloud, workloadsOf[name]) ?? null }),
    replaceable: false,
    adjust: async (client, objects) => {
      const adjusted = await leaveReplicasToAutoscaler(client, objects)
      return name === 'data-sync' ? await withLivePeers(client, adjusted) : adjusted
    },
    async unfinished(client, objects) {
      for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
        const { done, ready, wanted } = await readRollout(client, refOf(object))
        if (!done) return `${describeRef(refOf(object))}: ${ready} of ${wanted} ready`
      }
      return undefined
    },
    async finish(context, client, objects, report) {
      for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
        await rollOut(context, client, object, report)
      }
    },
  }
}
