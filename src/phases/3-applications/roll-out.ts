import * as z from 'zod'
import { contextName } from '../../config/names.ts'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { goBack, withPreviousPods } from '../../kube/revisions.ts'
import { waitForRollout } from '../../kube/rollout.ts'
import { quoteCommand } from '../../tools/quote.ts'
import { kubeconfigFile } from '../2-kubernetes/context-step.ts'
import type { Context } from '../phase.ts'

const cloudSchema = z.enum(['aws', 'gcp', 'azure'])

/**
 * Waits for the pods of a Deployment. Where they do not come up, offers to go back to those that ran before; the step
 * has failed all the same, and the next run tries the new ones again.
 */
export async function rollOut(
  context: Context,
  client: KubeClient,
  object: KubeObject,
  report: (message: string) => void,
): Promise<void> {
  const options = { signal: context.signal, report, kubectl: kubectlFor(context, client) }
  try {
    const { simulated } = await waitForRollout(client, refOf(object), options)
    if (simulated) tellSimulated(context, client, object)
  } catch (error) {
    if (!(error instanceof MlpError) || context.signal.aborted) throw error
    const previous = await withPreviousPods(client, object)
    if (previous === undefined || !(await wantsToGoBack(context, client, object, error))) throw error
    report('going back to the pods that ran before')
    await client.apply(previous)
    await waitForRollout(client, refOf(object), options)
    throw new MlpError({
      code: error.code,
      summary: `${error.message}; the pods that ran before run again`,
      detail: error.detail,
      remedy: error.remedy.filter(line => !line.startsWith(goBack)),
      cause: error,
    })
  }
}

async function wantsToGoBack(
  context: Context,
  client: KubeClient,
  object: KubeObject,
  error: MlpError,
): Promise<boolean> {
  try {
    return await context.consent.approve({
      id: 'rollback',
      message: `Go back to the pods of ${describeRef(refOf(object))} on ${client.label.cloud} that ran before?`,
      details: [error.message, ...(error.detail?.split('\n') ?? [])],
      safe: false,
      undone: true,
      flag: '--rollback',
    })
  } catch (refusal) {
    // Nobody to ask: the error itself names the flag, and the command, that go back.
    if (refusal instanceof MlpError && refusal.code === 'MLP5001') return false
    throw refusal
  }
}

/** As it can be pasted: mlp's own kubeconfig, and the context of this cluster. */
export function kubectlFor(context: Context, { label }: KubeClient): string {
  const name = contextName(cloudSchema.parse(label.cloud), context.config)
  const args = ['--kubeconfig', kubeconfigFile(context), '--context', name]
  return quoteCommand({ file: 'kubectl', args }, text => text)
}

/** Ready is what a simulator says of it; nobody should take it for more. */
function tellSimulated(context: Context, { label }: KubeClient, object: KubeObject): void {
  const { name } = object.metadata
  const message = `${label.cloud}/${name}: simulated: its pod is only said to be ready, what it is for does not run in it`
  context.emit({ type: 'notice', level: 'info', message })
}
