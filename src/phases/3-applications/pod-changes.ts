import * as z from 'zod'
import type { CloudName, ServiceSettings, WorkloadName } from '../../clouds/cloud.ts'
import type { EnvironmentName } from '../../config/schema.ts'
import type { KubeObject } from '../../kube/objects.ts'
import type { ImageName } from '../../tools/images/service-images.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { type DeclarationContext, infrastructureOutputs } from '../2-kubernetes/declarations.ts'
import type { Context } from '../phase.ts'
import { imagesStepId, pushedImages } from './images-step.ts'
import type { Requests } from './requests.ts'

/** Pods that phase 3 makes: under which service account, with which of the three images in them. */
export interface Workload {
  readonly account: WorkloadName
  readonly image: ImageName
}

interface PodChanges {
  /** What a template names an image by, and what that is. */
  readonly image: { readonly name: ImageName; readonly reference: string }
  readonly settings: ServiceSettings
  readonly labels: Readonly<Record<string, string>>
}

export function imageOf(
  context: Pick<Context, 'outputs'>,
  cloud: CloudName,
  { image }: Workload,
): string | undefined {
  return pushedImages(context, cloud)?.[image]
}

/** What `mlp render` shows before there is a digest: which repository it will be of. */
function imageToCome(context: DeclarationContext, cloud: CloudName, { image }: Workload) {
  const rendering = context.outputs(imagesStepId(cloud)) !== undefined
  return rendering ? cloudOf(context, cloud).repository(image) : undefined
}

/** Undefined while it is not known which image is to run. */
export function podChanges(
  context: DeclarationContext,
  cloudName: CloudName,
  workload: Workload,
): PodChanges | undefined {
  const outputs = infrastructureOutputs(context, cloudName)
  const reference = imageOf(context, cloudName, workload) ?? imageToCome(context, cloudName, workload)
  if (outputs === undefined || reference === undefined) return undefined
  const cloud = cloudOf(context, cloudName)
  const account = cloud
    .workloadIdentity(outputs)
    .serviceAccounts.find(({ name }) => name === workload.account)
  return {
    image: { name: workload.image, reference },
    settings: withTracing(context, workload, cloud.serviceSettings(workload.account, outputs)),
    labels: {
      // Azure's webhook looks at the pod's labels, not only at its account's.
      ...account?.labels,
      'app.kubernetes.io/part-of': context.config.project,
      'app.kubernetes.io/managed-by': 'mlp',
    },
  }
}

/** Of new traces, which share is recorded; what a caller has decided stays. */
const tracedShares: Readonly<Record<EnvironmentName, string>> = { dev: '1', staging: '0.2', prod: '0.05' }

/** The services' traces go to phase 5's collector; where it is not there yet, they are lost. */
function withTracing(
  { config }: Pick<DeclarationContext, 'config'>,
  { account, image }: Workload,
  settings: ServiceSettings,
): ServiceSettings {
  if (config.monitoring?.traces === 'none' || account !== image) return settings
  const environment = {
    ...settings.environment,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel-collector.monitoring.svc.cluster.local:4318',
    OTEL_TRACES_SAMPLER_ARG: tracedShares[config.environment],
  }
  return { ...settings, environment }
}

/** Beside MLflow, see templates/kubernetes/applications/mlflow.yaml. */
const proxyContainer = 'database-proxy'

const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  env: z.array(z.looseObject({ name: z.string() })).default([]),
  resources: z.looseObject({}).default({}),
})
/** Of a Deployment and of a Job. */
const templateSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({ containers: z.array(containerSchema) }),
    }),
  }),
})

/** The object with the image, labels, requests and settings of its pods; what the settings name replaces the template's own. */
export function withPods(
  object: KubeObject,
  { image, labels, settings }: PodChanges,
  requests: Requests = {},
): KubeObject {
  const { spec } = templateSchema.parse(object)
  const { template } = spec
  const change = (container: z.output<typeof containerSchema>) => ({
    ...container,
    image: container.image === image.name ? image.reference : container.image,
    env: [
      ...container.env.filter(({ name }) => settings.environment[name] === undefined),
      ...Object.entries(settings.environment).map(([name, value]) => ({ name, value })),
    ],
    resources: {
      ...container.resources,
      ...(requests[container.name] === undefined ? {} : { requests: requests[container.name] }),
    },
  })
  // Where no database is told of that it speaks to, the proxy has nothing to do.
  const isIdle = (name: string) =>
    name === proxyContainer && settings.environment['DATABASE_URL'] === undefined
  const changed = {
    ...spec,
    template: {
      ...template,
      metadata: { ...template.metadata, labels: { ...template.metadata.labels, ...labels } },
      spec: {
        ...template.spec,
        containers: template.spec.containers.filter(({ name }) => !isIdle(name)).map(change),
      },
    },
  }
  return { ...object, spec: z.json().parse(changed) }
}

export function withFiles(object: KubeObject, { settings }: PodChanges): KubeObject {
  const data = z.record(z.string(), z.string()).default({}).parse(object['data'])
  return { ...object, data: { ...data, ...settings.files } }
}
