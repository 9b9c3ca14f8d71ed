import * as z from 'zod'
import { type CloudName, namespaceOf, noSettings, type ServiceSettings } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { Json } from '../../engine/json.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { readRollout } from '../../kube/rollout.ts'
import type { ImageName } from '../../tools/images/service-images.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import {
  type Declaration,
  type DeclarationContext,
  infrastructureOutputs,
} from '../2-kubernetes/declarations.ts'
import { loadTemplate } from '../2-kubernetes/templates.ts'
import type { Context } from '../phase.ts'
import { imagesStepId, pushedImages } from './images-step.ts'
import { rollOut } from './roll-out.ts'

/** MLflow runs once: in the cloud that is configured first, as the record of all machines does. */
function primaryCloud(config: Config): CloudName | undefined {
  return (['aws', 'gcp', 'azure'] as const).find(name => config.clouds[name] !== undefined)
}

export type ApplicationName = ImageName | 'mlflow'

const titles: Readonly<Record<ApplicationName, string>> = {
  'model-serving': 'Model servers',
  'api-gateway': 'API gateway',
  'data-sync': 'Data sync',
  mlflow: 'Model registry (MLflow)',
}

export function applicationsOf(config: Config, cloud: CloudName): readonly ApplicationName[] {
  // What the gateway asks comes before it.
  const services: readonly ApplicationName[] = ['model-serving', 'api-gateway', 'data-sync']
  return primaryCloud(config) === cloud ? [...services, 'mlflow'] : services
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
      ...(name === 'mlflow' ? [] : ([`3.${cloud}.images`, `3.${cloud}.keys`] satisfies StepId[])),
    ],
    async objects(context, cloud) {
      const pods = await podChanges(context, cloud, name)
      if (pods === undefined) return undefined
      const objects = await loadTemplate(context, `applications/${name}.yaml`)
      return objects.map(object => {
        if (object.kind === 'Deployment') return withPods(object, pods)
        return object.kind === 'ConfigMap' ? withFiles(object, pods) : object
      })
    },
    inputs: (context, cloud): Json => ({ image: imageOf(context, cloud, name) ?? null }),
    replaceable: false,
    adjust: leaveReplicasToAutoscaler,
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

interface PodChanges {
  readonly image: string | undefined
  readonly settings: ServiceSettings
  readonly labels: Readonly<Record<string, string>>
}

function imageOf(
  context: Pick<Context, 'outputs'>,
  cloud: CloudName,
  name: ApplicationName,
): string | undefined {
  return name === 'mlflow' ? undefined : pushedImages(context, cloud)?.[name]
}

/** What `mlp render` shows before there is a digest: which repository it will be of. */
function imageToCome(context: DeclarationContext, cloud: CloudName, name: ApplicationName) {
  const rendering = context.outputs(imagesStepId(cloud)) !== undefined
  return rendering && name !== 'mlflow' ? cloudOf(context, cloud).repository(name) : undefined
}

/** Undefined while it is not known which image is to run. */
async function podChanges(
  context: DeclarationContext,
  cloud: CloudName,
  name: ApplicationName,
): Promise<PodChanges | undefined> {
  const outputs = infrastructureOutputs(context, cloud)
  const image = imageOf(context, cloud, name) ?? imageToCome(context, cloud, name)
  if (outputs === undefined || (image === undefined && name !== 'mlflow')) return undefined
  const account = cloudOf(context, cloud)
    .workloadIdentity(outputs)
    .serviceAccounts.find(each => each.name === name)
  return {
    image,
    settings: name === 'mlflow' ? noSettings : cloudOf(context, cloud).serviceSettings(name, outputs),
    labels: {
      // Azure's webhook looks at the pod's labels, not only at its account's.
      ...account?.labels,
      'app.kubernetes.io/part-of': context.config.project,
      'app.kubernetes.io/managed-by': 'mlp',
    },
  }
}

const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  env: z.array(z.looseObject({ name: z.string() })).default([]),
})
const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({ containers: z.array(containerSchema) }),
    }),
  }),
})

function withPods(object: KubeObject, { image, labels, settings }: PodChanges): KubeObject {
  const { spec } = deploymentSchema.parse(object)
  const { template } = spec
  const changed = {
    ...spec,
    template: {
      ...template,
      metadata: { ...template.metadata, labels: { ...template.metadata.labels, ...labels } },
      spec: {
        ...template.spec,
        containers: template.spec.containers.map(container => ({
          ...container,
          image: image ?? container.image,
          env: [
            ...container.env,
            ...Object.entries(settings.environment).map(([name, value]) => ({ name, value })),
          ],
        })),
      },
    },
  }
  return { ...object, spec: z.json().parse(changed) }
}

function withFiles(object: KubeObject, { settings }: PodChanges): KubeObject {
  const data = z.record(z.string(), z.string()).parse(object['data'])
  return { ...object, data: { ...data, ...settings.files } }
}

const autoscalerSchema = z.looseObject({
  spec: z.looseObject({ scaleTargetRef: z.looseObject({ kind: z.string(), name: z.string() }) }),
})

/** How many pods a Deployment has is its autoscaler's to say, where it has one. */
async function leaveReplicasToAutoscaler(
  client: KubeClient,
  objects: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  const namespace = objects[0]?.metadata.namespace
  const autoscalers = await client.list({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    ...(namespace === undefined ? {} : { namespace }),
  })
  const scaled = new Set(autoscalers.map(each => autoscalerSchema.parse(each).spec.scaleTargetRef.name))
  return objects.map(object => {
    if (object.kind !== 'Deployment' || !scaled.has(object.metadata.name)) return object
    const { replicas: _, ...spec } = z.record(z.string(), z.json()).parse(object['spec'])
    return { ...object, spec }
  })
}
