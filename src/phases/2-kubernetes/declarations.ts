import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { type KubeObject, kubeObjectSchema } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context, PhaseNumber } from '../phase.ts'
import { loadOne, loadTemplate } from './templates.ts'

/** On a Secret: a hash of its data, by which a change is seen without reading the data. */
export const contentKey = 'mlp.dev/content'

export type DeclarationContext = Pick<Context, 'config' | 'clouds' | 'templates' | 'outputs' | 'signal'>

/** The objects that one step wants on one cloud. */
export interface Declaration {
  readonly phase: PhaseNumber
  readonly name: string
  readonly title: string
  /** Every kind this step has ever made: where undo looks. */
  readonly kinds: readonly { readonly apiVersion: string; readonly kind: string }[]
  /** Beside the cluster itself. */
  needs(cloud: CloudName): readonly StepId[]
  /** Undefined while what earlier steps made is not known in this run. */
  objects(context: DeclarationContext, cloud: CloudName): Promise<readonly KubeObject[] | undefined>
  /** What the engine remembers to see a change; never a secret. */
  inputs(context: DeclarationContext, cloud: CloudName): Json
  /** Fields of this kind cannot be changed, and nothing is lost by making it anew. */
  readonly replaceable: boolean
  /** Another configuration may want fewer objects: what is over is removed. */
  readonly shrinks?: boolean
  /** What depends on the cluster itself: a field that an autoscaler owns is left to it. */
  adjust?(client: KubeClient, objects: readonly KubeObject[]): Promise<readonly KubeObject[]>
  /** Of objects that stand as declared, what is not done yet: pods that are not ready. */
  unfinished?(client: KubeClient, objects: readonly KubeObject[]): Promise<string | undefined>
  /** Waits until it is done, after the objects were applied. */
  finish?(
    context: Context,
    client: KubeClient,
    objects: readonly KubeObject[],
    report: (message: string) => void,
  ): Promise<void>
}

const core = (kind: string) => ({ apiVersion: 'v1', kind })

const namespaces: Declaration = {
  phase: 2,
  name: 'namespaces',
  title: 'Namespaces',
  kinds: [core('Namespace')],
  needs: () => [],
  async objects(context, cloud) {
    const network = contextName(cloud, context.config)
    return (await loadTemplate(context, 'namespaces.yaml')).map(namespace =>
      namespace.metadata.name === 'istio-system' ? inNetwork(namespace, network) : namespace,
    )
  },
  inputs: () => null,
  replaceable: false,
}

/** Which network this cluster is to the mesh: has to be there before the mesh is. */
function inNetwork(namespace: KubeObject, network: string): KubeObject {
  const labels = { ...namespace.metadata.labels, 'topology.istio.io/network': network }
  return { ...namespace, metadata: { ...namespace.metadata, labels } }
}

/** Before any pod that names one: a pod whose class is not there is refused. */
const priorityClasses: Declaration = {
  phase: 2,
  name: 'priority-classes',
  title: 'PriorityClasses',
  kinds: [{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' }],
  needs: () => [],
  objects: context => loadTemplate(context, 'priority-classes.yaml'),
  inputs: () => null,
  // Pods that run keep the number they were given.
  replaceable: true,
  shrinks: true,
}

const workloadIdentity: Declaration = {
  phase: 2,
  name: 'workload-identity',
  title: 'Service accounts with cloud identities',
  kinds: [core('ServiceAccount')],
  needs: cloud => [`2.${cloud}.namespaces`],
  async objects(context, cloud) {
    const outputs = infrastructureOutputs(context, cloud)
    if (outputs === undefined) return undefined
    const template = await loadOne(context, 'service-account.yaml')
    return cloudOf(context, cloud)
      .workloadIdentity(outputs)
      .serviceAccounts.map(({ namespace, name, annotations, labels }) => ({
        ...template,
        metadata: {
          ...template.metadata,
          name,
          namespace,
          annotations: { ...annotations },
          labels: { ...labels },
        },
      }))
  },
  inputs: (context, cloud) => infrastructureOutputs(context, cloud) ?? null,
  replaceable: false,
}

const cloudCredentials: Declaration = {
  phase: 2,
  name: 'cloud-credentials',
  title: 'Cloud facts and credentials',
  kinds: [core('ConfigMap'), core('Secret')],
  needs: cloud => [`2.${cloud}.namespaces`],
  async objects(context, cloud) {
    const outputs = infrastructureOutputs(context, cloud)
    if (outputs === undefined) return undefined
    const { facts } = cloudOf(context, cloud).workloadIdentity(outputs)
    const template = await loadOne(context, 'cloud-facts.yaml')
    const configMaps = ['ml-platform', 'ml-serving'].map(namespace => ({
      ...template,
      metadata: { ...template.metadata, namespace },
      data: { ...facts },
    }))
    return context.config.credentials === 'static-secret'
      ? [...configMaps, await staticSecret(context, cloud, facts)]
      : configMaps
  },
  inputs: (context, cloud) => ({
    credentials: context.config.credentials,
    outputs: infrastructureOutputs(context, cloud) ?? null,
  }),
  replaceable: false,
  shrinks: true,
}

const configMap: Declaration = {
  phase: 2,
  name: 'config-map',
  title: 'ConfigMap ml-platform-config',
  kinds: [core('ConfigMap')],
  needs: cloud => [`2.${cloud}.namespaces`],
  async objects(context) {
    const template = await loadOne(context, 'config-map.yaml')
    const data = z.record(z.string(), z.string()).parse(template['data'])
    return ['ml-platform', 'ml-serving'].map(namespace => ({
      ...template,
      metadata: { ...template.metadata, namespace },
      data: { ...data, environment: context.config.environment },
    }))
  },
  inputs: context => ({ environment: context.config.environment }),
  replaceable: false,
}

const storageClass: Declaration = {
  phase: 2,
  name: 'storage-class',
  title: 'Default StorageClass',
  kinds: [{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }],
  needs: () => [],
  objects: async (context, cloud) => [kubeObjectSchema.parse(cloudOf(context, cloud).storageClass())],
  inputs: (context, cloud) => cloudOf(context, cloud).storageClass(),
  replaceable: true,
}

/** In the guide's order. */
export const declarations: readonly Declaration[] = [
  namespaces,
  priorityClasses,
  workloadIdentity,
  cloudCredentials,
  configMap,
  storageClass,
]

/** What phase 1's two roots told in this run. */
export function infrastructureOutputs(
  context: Pick<DeclarationContext, 'outputs'>,
  cloud: CloudName,
): JsonObject | undefined {
  const output = (root: string) => context.outputs(`1.${cloud}.apply-${root}` satisfies StepId)
  const foundation = output('foundation')
  const cluster = output('cluster')
  return foundation === undefined && cluster === undefined ? undefined : { ...foundation, ...cluster }
}

async function staticSecret(
  context: DeclarationContext,
  cloudName: CloudName,
  facts: Readonly<Record<string, string>>,
): Promise<KubeObject> {
  const cloud = cloudOf(context, cloudName)
  const credentials = await cloud.staticCredentials?.(context.signal)
  if (credentials === undefined) {
    throw new MlpError({
      code: 'MLP4015',
      summary: `${cloud.title} has no long-lived credentials to put into a Secret`,
      detail: 'mlp.yaml asks for `credentials: static-secret`, but this identity has only short-lived ones.',
      remedy: [
        'Set `credentials: workload-identity` in mlp.yaml: pods then need no key.',
        `mlp login ${cloudName}`,
      ],
    })
  }
  const template = await loadOne(context, 'cloud-secret.yaml')
  const encoded = Object.entries({ ...facts, ...credentials }).map(([key, value]) => [
    key,
    Buffer.from(value).toString('base64'),
  ])
  const digest = createHash('sha256').update(JSON.stringify(encoded)).digest('hex').slice(0, 16)
  const { stringData: _, ...rest } = template
  return {
    ...rest,
    metadata: { ...template.metadata, annotations: { [contentKey]: digest } },
    data: Object.fromEntries(encoded),
  }
}
