import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../engine/errors.ts'
import type { KubeClient } from './client.ts'
import { describeRef, type ObjectRef } from './objects.ts'
import { lastLines } from './pod-log.ts'
import { describeWorst, findLasting, hasLasted, type PodTrouble } from './pod-trouble.ts'
import { cannotPull } from './pull-error.ts'
import { newestPods, wayBack } from './revisions.ts'
import { type RolloutState, rolloutState } from './rollout-state.ts'

export interface RolloutOptions {
  readonly signal: AbortSignal
  /** `kubectl` with all that makes it reach this cluster: errors name commands that can be pasted. */
  readonly kubectl: string
  /** One calm line, when it changes. */
  readonly report: (message: string) => void
  /** How long a rollout may take; default 10 min, which a node that has to be made first needs. */
  readonly timeoutMs?: number
  /**
   * How long an image that cannot be pulled, a missing Secret or a refused pod may stay so: grants and caches take a
   * while to arrive everywhere. Default 90 s.
   */
  readonly patienceMs?: number
}

const defaultTimeoutMs = 600_000
const defaultPatienceMs = 90_000
/** A container that ended so often, for so long, will not mend itself; kubelets take a minute over it. */
const restartsTolerated = 3
const crashPatienceMs = 15_000
const pollMs = 1_000

/**
 * Waits until a Deployment's newest pods are all available, telling what is missing. Throws MLP4030 (image), MLP4031
 * (container keeps ending, with its last lines), MLP4032 (pods cannot be made or placed) or MLP4033 (not ready in
 * time) as soon as it is plain that it will not come up by itself.
 */
export async function waitForRollout(
  client: KubeClient,
  deployment: ObjectRef,
  options: RolloutOptions,
): Promise<RolloutState> {
  const { report, timeoutMs = defaultTimeoutMs, patienceMs = defaultPatienceMs } = options
  const startedAt = Date.now()
  const since = new Map<string, number>()
  let told = ''
  for (;;) {
    const state = await readRollout(client, deployment)
    if (state.done) return state
    const line = describe(state)
    if (line !== told) report(line)
    told = line
    const now = Date.now()
    const stuck = findStuck(state, since, now, patienceMs)
    if (stuck !== undefined || now - startedAt > timeoutMs) {
      throw await explain(client, deployment, options, state, stuck, now - startedAt)
    }
    await delay(pollMs, undefined, { signal: options.signal })
  }
}

/** How far the rollout of this Deployment is now. A Deployment that is not there has not begun. */
export async function readRollout(client: KubeClient, deployment: ObjectRef): Promise<RolloutState> {
  const object = await client.get(deployment)
  if (object === undefined) return { done: false, ready: 0, wanted: 0, troubles: [], simulated: false }
  return rolloutState(object, await newestPods(client, object))
}

type Stuck = { readonly kind: 'refused'; readonly message: string } | PodTrouble

function findStuck(
  state: RolloutState,
  since: Map<string, number>,
  now: number,
  patienceMs: number,
): Stuck | undefined {
  const { refusedToCreate, troubles } = state
  if (refusedToCreate !== undefined && hasLasted('refused', since, now, patienceMs))
    return { kind: 'refused', message: refusedToCreate }
  return (
    troubles.find(
      ({ kind, restarts, pod, container }) =>
        kind === 'crash' &&
        restarts >= restartsTolerated &&
        hasLasted(`${pod} ${container} crash`, since, now, Math.min(patienceMs, crashPatienceMs)),
    ) ?? findLasting(troubles, since, now, patienceMs)
  )
}

/** `2 of 3 ready; api-gateway-7d9-x2x: CrashLoopBackOff: ended with exit code 1` */
function describe({ ready, wanted, troubles, refusedToCreate }: RolloutState): string {
  const worst = describeWorst(troubles)
  return [
    `${ready} of ${wanted} ready`,
    ...(refusedToCreate === undefined ? [] : [`no pod can be made: ${refusedToCreate}`]),
    ...(worst === undefined ? [] : [worst]),
  ].join('; ')
}

async function explain(
  client: KubeClient,
  deployment: ObjectRef,
  options: Pick<RolloutOptions, 'kubectl'>,
  state: RolloutState,
  stuck: Stuck | undefined,
  tookMs: number,
): Promise<MlpError> {
  const { cloud } = client.label
  const subject = `${describeRef(deployment)} on ${cloud}`
  const kubectl = `${options.kubectl} --namespace ${deployment.namespace ?? 'default'}`
  const undo = await wayBack(client, deployment, options)
  const again = 'Then run the same command again; it goes on where it stopped.'
  if (stuck?.kind === 'refused') {
    return new MlpError({
      code: 'MLP4032',
      summary: `${subject}: its pods cannot be made`,
      detail: stuck.message,
      remedy: [
        /failed calling webhook/.test(stuck.message)
          ? `The webhook that the message names does not answer. The mesh’s is put right by: mlp phase 4 --cloud ${cloud}`
          : 'Raise the quota, or change the policy, that the message names.',
        again,
      ],
    })
  }
  if (stuck?.kind === 'image') return cannotPull(subject, cloud, stuck, [again, ...undo])
  if (stuck?.kind === 'crash') {
    return new MlpError({
      code: 'MLP4031',
      summary: `${subject}: ${stuck.pod} ${stuck.message}, ${stuck.restarts} times`,
      detail: await lastLines(client, deployment, stuck),
      remedy: ['Read its last lines above, and put right what they name.', again, ...undo],
    })
  }
  const worst = stuck ?? state.troubles.find(({ kind }) => kind !== 'starting') ?? state.troubles[0]
  const scheduling = worst?.kind === 'scheduling'
  return new MlpError({
    code: scheduling ? 'MLP4032' : 'MLP4033',
    summary: `${subject}: ${state.ready} of ${state.wanted} ready after ${Math.round(tookMs / 1000)} s`,
    detail: [
      ...(worst === undefined ? [] : [`${worst.pod}: ${worst.reason}: ${worst.message}`]),
      ...(worst === undefined || scheduling ? [] : [await lastLines(client, deployment, worst)]),
    ].join('\n'),
    remedy: [
      scheduling
        ? 'Give the cluster more nodes (nodes.max in mlp.yaml), or wait until they are there.'
        : `See what the pod says of itself: ${kubectl} describe pod ${worst?.pod ?? ''}`.trimEnd(),
      again,
      ...undo,
    ],
  })
}
