import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName, platformId, platformIdKey } from '../../config/names.ts'
import type { Config, EnvironmentName } from '../../config/schema.ts'
import type { Json } from '../../engine/json.ts'
import { type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import type { Declaration, DeclarationContext } from '../2-kubernetes/declarations.ts'
import { loadObjects } from '../2-kubernetes/templates.ts'
import type { Context } from '../phase.ts'
import { stackStepId } from './names.ts'
import { readWorkload, waitForAll } from './readiness.ts'

const sizes: Readonly<
  Record<EnvironmentName, { readonly days: number; readonly logs: number; readonly traces: number }>
> = {
  dev: { days: 7, logs: 10, traces: 5 },
  staging: { days: 15, logs: 50, traces: 20 },
  prod: { days: 30, logs: 200, traces: 50 },
}
/** A store stops taking before its volume is full. */
const usableShare = 0.8

/** What of the telemetry a platform wants; both by default. */
export function telemetryOf({ monitoring }: Pick<Config, 'monitoring'>) {
  return {
    logs: (monitoring?.logs ?? 'victoria-logs') !== 'none',
    traces: (monitoring?.traces ?? 'jaeger') !== 'none',
  }
}

/** Where the lines of all containers are kept. */
const logs: Declaration = {
  phase: 5,
  name: 'logs',
  title: 'The store of logs',
  ...storeOf('logs', ({ days, logs }) => [
    `-retentionPeriod=${days}d`,
    `-retention.maxDiskSpaceUsageBytes=${Math.floor(logs * usableShare)}GiB`,
  ]),
}

/** Where the traces of the services are kept. */
const traces: Declaration = {
  phase: 5,
  name: 'traces',
  title: 'The store of traces',
  ...storeOf('traces', ({ days }) => [
    `--set=extensions.jaeger_storage.backends.traces.badger.ttl.spans=${days * 24}h`,
  ]),
}

/** What brings both to their stores. */
const collector: Declaration = {
  phase: 5,
  name: 'collector',
  title: 'OpenTelemetry collectors',
  kinds: kinds('ServiceAccount', 'ConfigMap', 'Service', 'Deployment', 'DaemonSet', 'PodMonitor'),
  needs: cloud => [stackStepId(cloud), `5.${cloud}.logs`, `5.${cloud}.traces`],
  async objects(context, cloud) {
    const wanted = telemetryOf(context.config)
    const all = await template(context, 'collector.yaml')
    const of = (name: string) => (object: KubeObject) => object.metadata.name === name
    return prepared(
      context,
      all
        .filter(object => wanted.traces || !of('otel-collector')(object) || object.kind === 'ServiceAccount')
        .filter(object => wanted.logs || !of('otel-agent')(object))
        .filter(() => wanted.logs || wanted.traces)
        .map(object => (object.kind === 'ConfigMap' ? withCluster(context, cloud, object) : object)),
    )
  },
  inputs: ({ config }): Json => telemetryOf(config),
  replaceable: true,
  shrinks: true,
  unfinished,
  finish,
}

/** In the order in which they come. */
export const telemetry: readonly Declaration[] = [logs, traces, collector]

/** The workloads among these objects, by which it is known whether they do their work. */
export function workloadsOf(objects: readonly KubeObject[]): readonly ObjectRef[] {
  return objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet' || kind === 'DaemonSet')
    .map(refOf)
}

function storeOf(
  which: 'logs' | 'traces',
  args: (size: (typeof sizes)[EnvironmentName]) => readonly string[],
): Omit<Declaration, 'phase' | 'name' | 'title'> {
  return {
    kinds: kinds('ServiceAccount', 'ConfigMap', 'Service', 'StatefulSet', 'ServiceMonitor'),
    needs: cloud => [stackStepId(cloud), `2.${cloud}.storage-class`],
    async objects(context) {
      if (!telemetryOf(context.config)[which]) return []
      const size = sizes[context.config.environment]
      const objects = await template(context, `${which}.yaml`)
      return prepared(
        context,
        objects.map(object =>
          object.kind === 'StatefulSet' ? sized(context, object, `${size[which]}Gi`, args(size)) : object,
        ),
      )
    },
    inputs: ({ config }): Json => ({ wanted: telemetryOf(config)[which], size: sizes[config.environment] }),
    // A claim's size cannot be changed in its set. The set is made anew; claims and what they hold stay.
    replaceable: true,
    shrinks: true,
    unfinished,
    finish,
  }
}

function kinds(...names: readonly string[]) {
  const groups: Readonly<Record<string, string>> = {
    Deployment: 'apps/v1',
    DaemonSet: 'apps/v1',
    StatefulSet: 'apps/v1',
    ServiceMonitor: 'monitoring.coreos.com/v1',
    PodMonitor: 'monitoring.coreos.com/v1',
  }
  return names.map(kind => ({ apiVersion: groups[kind] ?? 'v1', kind }))
}

async function template(
  { templates }: Pick<DeclarationContext, 'templates'>,
  file: string,
): Promise<readonly KubeObject[]> {
  return await loadObjects(join(templates, 'monitoring', 'telemetry', file))
}

const podsSchema = z.looseObject({
  spec: z.looseObject({
    replicas: z.number().optional(),
    template: z.looseObject({
      metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }),
      spec: z.looseObject({
        containers: z.array(z.looseObject({ image: z.string(), args: z.array(z.string()).default([]) })),
      }),
    }),
  }),
})
const claimsSchema = z.looseObject({
  spec: z.looseObject({ volumeClaimTemplates: z.array(z.looseObject({ metadata: z.looseObject({}) })) }),
})

/** Images from where the platform takes them, and new pods for another configuration. */
function prepared(context: DeclarationContext, objects: readonly KubeObject[]): readonly KubeObject[] {
  const registry = context.config.monitoring?.imageRegistry
  const configuration = objects
    .filter(({ kind, metadata }) => kind === 'ConfigMap' && !metadata.name.startsWith('datasource-'))
    .map(object => JSON.stringify(object['data']))
  const hash = createHash('sha256').update(configuration.join('\n')).digest('hex').slice(0, 16)
  const workloads = new Set(workloadsOf(objects).map(({ kind, name }) => `${kind} ${name}`))
  return objects.map(object => {
    if (!workloads.has(`${object.kind} ${object.metadata.name}`)) return object
    const { spec } = podsSchema.parse(object)
    const { template } = spec
    const annotations = { ...template.metadata.annotations, 'mlp.dev/configuration': hash }
    const containers = template.spec.containers.map(container => ({
      ...container,
      image: registry === undefined ? container.image : container.image.replace(/^docker\.io/, registry),
    }))
    const changed = {
      ...spec,
      // Two take each other's place when a node goes.
      ...(object.kind === 'Deployment' && context.config.environment !== 'dev' ? { replicas: 2 } : {}),
      template: {
        ...template,
        metadata: { ...template.metadata, annotations },
        spec: { ...template.spec, containers },
      },
    }
    return { ...object, spec: z.json().parse(changed) }
  })
}

/** Claims carry the platform's mark, by which what they hold is found again. */
function sized(
  { config }: DeclarationContext,
  object: KubeObject,
  storage: string,
  args: readonly string[],
): KubeObject {
  const { spec } = podsSchema.parse(object)
  const { volumeClaimTemplates } = claimsSchema.parse(object).spec
  const containers = spec.template.spec.containers.map(container => ({
    ...container,
    args: [...container.args, ...args],
  }))
  const labels = {
    [platformIdKey.kubernetes]: platformId(config),
    'mlp.dev/environment': config.environment,
  }
  const changed = {
    ...spec,
    template: { ...spec.template, spec: { ...spec.template.spec, containers } },
    volumeClaimTemplates: volumeClaimTemplates.map(claim => ({
      ...claim,
      metadata: { ...claim.metadata, labels },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
    })),
  }
  return { ...object, spec: z.json().parse(changed) }
}

/** What reads lines, in a collector's configuration. */
const lines = ['receivers', 'filelog']

/** Each line says of which cluster it is, for who looks at several. */
function withCluster({ config }: DeclarationContext, cloud: CloudName, object: KubeObject): KubeObject {
  const data = z.record(z.string(), z.string()).parse(object['data'])
  const files = Object.entries(data).map(([file, text]) => {
    const document = parseDocument(text)
    if (document.hasIn(lines)) {
      document.setIn([...lines, 'resource'], {
        'k8s.cluster.name': contextName(cloud, config),
        'cloud.provider': cloud,
        'deployment.environment.name': config.environment,
      })
    }
    return [file, document.toString({ lineWidth: 0 })]
  })
  return { ...object, data: Object.fromEntries(files) }
}

async function unfinished(
  client: Parameters<NonNullable<Declaration['unfinished']>>[0],
  objects: readonly KubeObject[],
): Promise<string | undefined> {
  for (const ref of workloadsOf(objects)) {
    const { done, name, ready, wanted } = await readWorkload(client, ref)
    if (!done) return `${name}: ${ready} of ${wanted} ready`
  }
  return undefined
}

async function finish(
  context: Context,
  client: Parameters<NonNullable<Declaration['finish']>>[1],
  objects: readonly KubeObject[],
  report: (message: string) => void,
): Promise<void> {
  const refs = workloadsOf(objects)
  const states = await waitForAll(
    context,
    client,
    () => Promise.all(refs.map(ref => readWorkload(client, ref))),
    report,
  )
  const played = states.filter(({ simulated }) => simulated).map(({ name }) => name)
  if (played.length > 0) {
    const message = `${client.label.cloud}: simulated: ${played.join(', ')}: only said to be ready, nothing runs in them`
    context.emit({ type: 'notice', level: 'info', message })
  }
}
