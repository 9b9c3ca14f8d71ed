import * as z from 'zod'
import { conditionSchema, metCondition } from './conditions.ts'
import type { KubeObject } from './objects.ts'

/** What keeps one container, or one pod, from being ready. */
export interface PodTrouble {
  readonly pod: string
  readonly container?: string
  /** `starting`: nothing is wrong yet. */
  readonly kind: 'image' | 'crash' | 'configuration' | 'scheduling' | 'starting'
  /** Kubernetes' word for it: ImagePullBackOff, CrashLoopBackOff, Unschedulable. */
  readonly reason: string
  readonly message: string
  readonly restarts: number
}

/** No word of Kubernetes': a container that runs gives no reason. */
const notReady = 'NotReady'

/** The condition that a simulator puts on the pods that it plays. */
const simulatedCondition = 'mlp.dev/simulated'

const ended = z.looseObject({
  exitCode: z.number(),
  reason: z.string().default(''),
  message: z.string().default(''),
})
const waiting = z.looseObject({ reason: z.string().default(''), message: z.string().default('') })
const containerStatus = z.looseObject({
  name: z.string(),
  ready: z.boolean().default(false),
  restartCount: z.number().default(0),
  state: z.looseObject({ waiting: waiting.optional(), terminated: ended.optional() }).default({}),
  lastState: z.looseObject({ terminated: ended.optional() }).default({}),
})
const podSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), deletionTimestamp: z.string().optional() }),
  status: z
    .looseObject({
      conditions: z.array(conditionSchema).default([]),
      initContainerStatuses: z.array(containerStatus).default([]),
      containerStatuses: z.array(containerStatus).default([]),
    })
    .prefault({}),
})
type Pod = z.output<typeof podSchema>
type ContainerStatus = z.output<typeof containerStatus>

const imageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
])
const configurationReasons = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
])

export interface PodView {
  readonly ready: boolean
  /** It goes; what it says is of no account any more. */
  readonly leaving: boolean
  readonly simulated: boolean
  /** None when it is ready. */
  readonly troubles: readonly PodTrouble[]
}

/** What a pod says of itself; asks nobody. */
export function viewPod(object: KubeObject): PodView {
  const pod = podSchema.parse(object)
  const ready = isTrue(pod, 'Ready')
  return {
    ready,
    leaving: pod.metadata.deletionTimestamp !== undefined,
    simulated: isTrue(pod, simulatedCondition),
    troubles: ready ? [] : troublesOf(pod),
  }
}

/**
 * The first trouble with an image or a configuration that has lasted for `patienceMs`: grants and caches take a while to
 * arrive everywhere. `since` remembers between calls when each was first seen.
 */
export function findLasting(
  troubles: readonly PodTrouble[],
  since: Map<string, number>,
  now: number,
  patienceMs: number,
): PodTrouble | undefined {
  return troubles.find(
    ({ kind, pod, container }) =>
      (kind === 'image' || kind === 'configuration') &&
      hasLasted(`${pod} ${container} ${kind}`, since, now, patienceMs),
  )
}

export function hasLasted(key: string, since: Map<string, number>, now: number, patienceMs: number): boolean {
  const first = since.get(key) ?? now
  since.set(key, first)
  return now - first >= patienceMs
}

/** `api-gateway-7d9-x2x: CrashLoopBackOff: ended with exit code 1`, of the worst; undefined when there is none. */
export function describeWorst(troubles: readonly PodTrouble[]): string | undefined {
  const worst = troubles.find(({ kind }) => kind !== 'starting') ?? troubles[0]
  return worst === undefined ? undefined : `${worst.pod}: ${whyNotReady(worst)}`
}

function whyNotReady({ kind, reason, message }: PodTrouble): string {
  // What Kubernetes has no word for is told in ours.
  if (reason === notReady) return message
  const [line = ''] = message.split('\n')
  return kind === 'starting' || line === '' ? reason : `${reason}: ${line}`
}

function isTrue(pod: Pod, condition: string): boolean {
  return metCondition(pod.status.conditions, condition) !== undefined
}

function troublesOf(pod: Pod): readonly PodTrouble[] {
  const { name } = pod.metadata
  const containers = [...pod.status.initContainerStatuses, ...pod.status.containerStatuses]
  const unscheduled = pod.status.conditions.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  )
  if (unscheduled !== undefined) {
    const { reason, message } = unscheduled
    return [{ pod: name, kind: 'scheduling', reason, message, restarts: 0 }]
  }
  const troubles = containers.filter(({ ready }) => !ready).map(container => troubleOf(name, container))
  return troubles.length > 0
    ? troubles
    : [
        {
          pod: name,
          kind: 'starting',
          reason: 'Pending',
          message: 'the node has not taken it up',
          restarts: 0,
        },
      ]
}

function troubleOf(pod: string, { name, restartCount, state, lastState }: ContainerStatus): PodTrouble {
  const common = { pod, container: name, restarts: restartCount }
  const end = state.terminated ?? lastState.terminated
  if (state.waiting !== undefined && imageReasons.has(state.waiting.reason)) {
    return { ...common, kind: 'image', ...words(state.waiting) }
  }
  if (state.waiting !== undefined && configurationReasons.has(state.waiting.reason)) {
    return { ...common, kind: 'configuration', ...words(state.waiting) }
  }
  if (end !== undefined && (restartCount > 0 || end.exitCode !== 0)) {
    const reason = state.waiting?.reason || end.reason || 'Error'
    const message = `ended with exit code ${end.exitCode}${end.message === '' ? '' : `: ${end.message}`}`
    return { ...common, kind: 'crash', reason, message }
  }
  return state.waiting === undefined
    ? { ...common, kind: 'starting', reason: notReady, message: 'it runs, and its probe does not pass yet' }
    : { ...common, kind: 'starting', ...words(state.waiting) }
}

function words({ reason, message }: { readonly reason: string; readonly message: string }) {
  return { reason, message }
}
