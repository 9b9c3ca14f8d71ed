import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject, ObjectRef } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Declaration, DeclarationContext } from '../2-kubernetes/declarations.ts'
import { loadTemplate } from '../2-kubernetes/templates.ts'
import { peersOf, peerTrustStepId } from './peers.ts'

const name = 'peer-identities'
/** The container's variables, and files. */
const configMaps = ['data-sync-peers', 'data-sync-peer-files'] as const
/** On pods: what they were told of the other clouds when they started. */
const toldKey = 'mlp.dev/peers'

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })
const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }),
    }),
  }),
})

export function peerIdentitiesStepId(cloud: CloudName): StepId {
  return `3.${cloud}.${name}`
}

/** How data-sync of a cluster signs in at the other clouds: names and addresses, nothing that opens anything. */
export function peerIdentities(config: Config): Declaration {
  return {
    phase: 3,
    name,
    title: 'Identities of data-sync at the other clouds',
    kinds: [{ apiVersion: 'v1', kind: 'ConfigMap' }],
    needs: cloud => [`2.${cloud}.namespaces`, ...peersOf(config, cloud).map(peerTrustStepId)],
    async objects(context, cloud) {
      const declared = declaredPeers(context, cloud)
      if (declared === undefined) return undefined
      const objects = await loadTemplate(context, 'applications/data-sync-peers.yaml')
      return objects.map(object => ({ ...object, data: declared[object.metadata.name] ?? {} }))
    },
    inputs: (context, cloud) =>
      Object.fromEntries(
        peersOf(config, cloud).map(peer => [peer, context.outputs(peerTrustStepId(peer)) ?? null]),
      ),
    replaceable: false,
  }
}

/** What is in each ConfigMap; undefined while one of the other clouds is not known in this run. */
function declaredPeers(
  context: DeclarationContext,
  cloud: CloudName,
): Readonly<Record<string, Readonly<Record<string, string>>>> | undefined {
  const variables: Record<string, string> = {}
  const files: Record<string, string> = {}
  for (const peer of peersOf(context.config, cloud)) {
    const outputs = context.clouds.has(peer) ? context.outputs(peerTrustStepId(peer)) : undefined
    if (outputs === undefined) return undefined
    const settings = cloudOf(context, peer).peerSettings(outputs, cloud)
    Object.assign(variables, settings.environment)
    Object.assign(files, settings.files)
  }
  return { [configMaps[0]]: variables, [configMaps[1]]: files }
}

/** With what pods will have been told once the other steps of this run are done; for who only reads what is declared. */
export function withDeclaredPeers(
  context: DeclarationContext,
  cloud: CloudName,
  object: KubeObject,
): KubeObject {
  if (object.kind !== 'Deployment' || peersOf(context.config, cloud).length === 0) return object
  const declared = declaredPeers(context, cloud)
  return declared === undefined ? object : withAnnotation(object, digestOf(Object.values(declared)))
}

/** Pods read it when they start: when it changes, there have to be new ones. What stands in the cluster counts. */
export async function withLivePeers(
  client: KubeClient,
  objects: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  const { missing, digest } = await readPeers(client)
  const told = missing.length === configMaps.length ? undefined : digest
  return objects.map(object => (object.kind === 'Deployment' ? withAnnotation(object, told) : object))
}

/** What is wrong with what the pods of data-sync's Deployment are told of the other clouds; undefined when nothing is. */
export async function peersUntold(client: KubeClient, deployment: ObjectRef): Promise<string | undefined> {
  const [{ missing, digest }, live] = await Promise.all([readPeers(client), client.get(deployment)])
  if (missing.length > 0) return `missing: ${missing.map(each => `ConfigMap ml-platform/${each}`).join(', ')}`
  const told = deploymentSchema.safeParse(live).data?.spec.template.metadata.annotations[toldKey]
  return told === digest ? undefined : 'the pods were started before they could be told'
}

async function readPeers(
  client: KubeClient,
): Promise<{ readonly missing: readonly string[]; readonly digest: string }> {
  const live = await Promise.all(
    configMaps.map(each =>
      client.get({ apiVersion: 'v1', kind: 'ConfigMap', name: each, namespace: 'ml-platform' }),
    ),
  )
  return {
    missing: configMaps.filter((_, index) => live[index] === undefined),
    digest: digestOf(live.map(each => dataSchema.parse(each ?? {}).data)),
  }
}

function digestOf(data: readonly Readonly<Record<string, string>>[]): string {
  const entries = data.flatMap(each => Object.entries(each)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 16)
}

function withAnnotation(object: KubeObject, told: string | undefined): KubeObject {
  const { spec } = deploymentSchema.parse(object)
  const { template } = spec
  const { [toldKey]: _, ...annotations } = template.metadata.annotations
  const metadata = {
    ...template.metadata,
    annotations: { ...annotations, ...(told === undefined ? {} : { [toldKey]: told }) },
  }
  return { ...object, spec: z.json().parse({ ...spec, template: { ...template, metadata } }) }
}
