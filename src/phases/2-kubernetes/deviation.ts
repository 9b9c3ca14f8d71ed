import type { KubeClient } from '../../kube/client.ts'
import { compareWithLive } from '../../kube/drift.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'
import { mark } from './marks.ts'

/** How the object of a step differs from what is declared, in words; undefined where it stands as declared. */
export async function deviationOf(
  context: Context,
  client: KubeClient,
  step: string,
  object: KubeObject,
): Promise<string | undefined> {
  const compared = await compareWithLive(client, mark(context, step, object))
  if (compared.state === 'present') return undefined
  return compared.state === 'absent' ? `${describeRef(refOf(object))}: missing` : compared.why
}
