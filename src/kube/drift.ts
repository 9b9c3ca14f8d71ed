import { MlpError } from '../engine/errors.ts'
import { fieldManager, type KubeClient } from './client.ts'
import { describeDifference, diffFields } from './diff.ts'
import { describeRef, type KubeObject, refOf } from './objects.ts'
import { standsAsDeclared } from './standing.ts'

export type ObjectState =
  | { readonly state: 'present'; readonly live: KubeObject }
  | { readonly state: 'absent' }
  /** There, but not as declared; `why` names the fields. */
  | { readonly state: 'drifted'; readonly live: KubeObject; readonly why: string }

/** Metadata that the API server changes by itself. */
const volatile = ['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp']
const fieldsNamed = 4

/**
 * Compares an object with what the API server would make of applying the declared one. Where the live object does not
 * tell that by itself, by a dry run, so that defaults and admission count as they would. Changes nothing.
 * @param known the live object, by whoever has just read it
 */
export async function compareWithLive(
  client: KubeClient,
  declared: KubeObject,
  known?: KubeObject,
): Promise<ObjectState> {
  const ref = refOf(declared)
  const live = known ?? (await client.get(ref))
  if (live === undefined) return { state: 'absent' }
  const drifted = (why: string) => ({ state: 'drifted', live, why: `${describeRef(ref)}: ${why}` }) as const
  if (live.metadata.deletionTimestamp !== undefined) return drifted('is being deleted')
  const managed = live.metadata.managedFields ?? []
  if (!managed.some(entry => entry.manager === fieldManager && entry.operation === 'Apply')) {
    return drifted('was not made by mlp')
  }
  if (standsAsDeclared(declared, live)) return { state: 'present', live }
  try {
    const wanted = await client.apply(declared, { dryRun: true })
    const differences = diffFields(settled(live), settled(wanted))
    if (differences.length === 0) return { state: 'present', live }
    const hidden = differences.length - fieldsNamed
    const named = differences
      .slice(0, fieldsNamed)
      .map(difference => (declared.kind === 'Secret' ? difference.path : describeDifference(difference)))
    return drifted(`${named.join('; ')}${hidden > 0 ? `; and ${hidden} more` : ''}`)
  } catch (error) {
    // A foreign owner, or a field that cannot be changed: apply will say the same, with what to do.
    if (error instanceof MlpError && (error.code === 'MLP4010' || error.code === 'MLP4006')) {
      return drifted(error.detail ?? error.message)
    }
    throw error
  }
}

/** Without what nobody declares: a status is the cluster's own, and may change between the two that are compared. */
function settled({ status: _, ...object }: KubeObject): KubeObject {
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(([key]) => !volatile.includes(key)),
  )
  return { ...object, metadata: { ...metadata, name: object.metadata.name } }
}
