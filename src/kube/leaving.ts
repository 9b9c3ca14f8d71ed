import * as z from 'zod'
import { conditionsOf } from './conditions.ts'
import { describeRef, type KubeObject, refOf } from './objects.ts'

const leavingSchema = z.looseObject({
  metadata: z.looseObject({
    deletionTimestamp: z.string().optional(),
    finalizers: z.array(z.string()).default([]),
  }),
})
/** Each says when it is True what keeps a namespace from going. */
const namespaceConditions = new Set([
  'NamespaceDeletionDiscoveryFailure',
  'NamespaceDeletionGroupVersionParsingFailure',
  'NamespaceDeletionContentFailure',
  'NamespaceContentRemaining',
  'NamespaceFinalizersRemaining',
])

/** What an object that was waited for in vain says of itself, above all why one that is being deleted is still there. */
export function describeUnfinished(object: KubeObject): string {
  const { metadata } = leavingSchema.parse(object)
  const subject = describeRef(refOf(object))
  if (metadata.deletionTimestamp === undefined) return `${subject} is there, but not in that state.`
  const said = conditionsOf(object)
    .filter(({ type, status }) => status === 'True' && namespaceConditions.has(type))
    .map(({ message }) => message)
  const waits =
    metadata.finalizers.length > 0 ? [`finalizers ${metadata.finalizers.join(', ')} are left`] : []
  return [`${subject} is being deleted since ${metadata.deletionTimestamp}`, ...said, ...waits].join('; ')
}
