import { createHash } from 'node:crypto'
import * as z from 'zod'
import { platformIdKey } from '../../config/names.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { revisionKey } from '../../kube/rollout-state.ts'
import type { Context } from '../phase.ts'
import { isTestObject } from './marks.ts'

export interface Deployed {
  /** Of all that decides what the pods of the services are, and of the gateway's configuration. */
  readonly digest: string
  /** When the newest of their pods' templates came, by the cluster's clock. */
  readonly at: string
}

const namespaces = ['ml-platform', 'ml-serving'] as const
const templateSchema = z.looseObject({ spec: z.looseObject({ template: z.json() }) })
const ownersSchema = z.array(z.looseObject({ uid: z.string() })).catch([])
/** Of the gateway. */
export const configuration = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: 'api-gateway',
  namespace: 'ml-platform',
} as const

/** What runs in a cluster now, as far as a validation is about it. */
export async function deployedNow(
  context: Pick<Context, 'platformId'>,
  client: KubeClient,
): Promise<Deployed> {
  const labelSelector = `${platformIdKey.kubernetes}=${context.platformId}`
  const [deployments, sets, gateway] = await Promise.all([
    listIn(client, 'Deployment', labelSelector),
    listIn(client, 'ReplicaSet'),
    client.get(configuration),
  ])
  const ours = deployments
    .filter(object => !isTestObject(object))
    .sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
  const templates = ours.map(object => [nameOf(object), templateSchema.parse(object).spec.template])
  const times = ours.flatMap(deployment =>
    sets
      .filter(
        set =>
          set.metadata.annotations?.[revisionKey] === deployment.metadata.annotations?.[revisionKey] &&
          ownersSchema
            .parse(set.metadata['ownerReferences'])
            .some(({ uid }) => uid === deployment.metadata.uid),
      )
      .map(set => set.metadata.creationTimestamp ?? ''),
  )
  const text = JSON.stringify([templates, gateway?.['data'] ?? null])
  return {
    digest: createHash('sha256').update(text).digest('hex').slice(0, 32),
    at: times.sort().at(-1) ?? '',
  }
}

async function listIn(
  client: KubeClient,
  kind: string,
  labelSelector?: string,
): Promise<readonly KubeObject[]> {
  const selector = labelSelector === undefined ? {} : { labelSelector }
  const lists = await Promise.all(
    namespaces.map(namespace => client.list({ apiVersion: 'apps/v1', kind, namespace, ...selector })),
  )
  return lists.flat()
}

function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`
}
