import { platformIdKey } from '../../config/names.ts'
import type { KubeObject } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'

const stepKey = 'mlp.dev/step'
/** On what was there before mlp and was taken over with consent: never deleted. */
const adoptedKey = 'mlp.dev/adopted'

type Marked = Pick<Context, 'config' | 'platformId'>

/** The object, carrying whose it is and which step made it. */
export function mark(context: Marked, step: string, object: KubeObject): KubeObject {
  const { labels, annotations } = object.metadata
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: {
        ...labels,
        'app.kubernetes.io/managed-by': 'mlp',
        'app.kubernetes.io/part-of': context.config.project,
        [platformIdKey.kubernetes]: context.platformId,
        'mlp.dev/environment': context.config.environment,
        [stepKey]: step,
      },
      // Not a label: owners may be e-mail addresses.
      annotations: { ...annotations, 'mlp.dev/owner': context.config.owner },
    },
  }
}

export function asAdopted(object: KubeObject): KubeObject {
  const { annotations } = object.metadata
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...annotations, [adoptedKey]: 'true' } },
  }
}

export function isAdopted(object: KubeObject): boolean {
  return object.metadata.annotations?.[adoptedKey] === 'true'
}

/** `ours`: this platform's; `other`: another platform's of mlp; `nobody`: unmarked. */
export function ownerOf(context: Marked, object: KubeObject): 'ours' | 'other' | 'nobody' {
  const id = object.metadata.labels?.[platformIdKey.kubernetes]
  return id === undefined ? 'nobody' : id === context.platformId ? 'ours' : 'other'
}

/** Finds what one step made, without knowing what it would make today. */
export function selectorOf(context: Marked, step: string): string {
  return `${platformIdKey.kubernetes}=${context.platformId},${stepKey}=${step}`
}
