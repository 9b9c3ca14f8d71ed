import * as z from 'zod'
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

export interface RolloutState {
  readonly done: boolean
  /** Of the new pods. */
  readonly ready: number
  readonly wanted: number
  /** Why pods are not even created: a quota, a policy. */
  readonly refusedToCreate?: string
  readonly troubles: readonly PodTrouble[]
  /** A new pod says that nothing runs in it: whatever plays it says only that it is ready. */
  readonly simulated: boolean
}

/** The condition that a simulator puts on the pods that it plays. */
const simulatedCondition = 'mlp.dev/simulated'

/** No word of Kubernetes': a container that runs gives no reason. */
export const notReady = 'NotReady'

export const revisionKey = 'deployment.kubernetes.io/revision'
export const templateHashKey = 'pod-template-hash'

const condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
})
const deploymentSchema = z.looseObject({
  metadata: z.looseObject({ generation: z.number().default(0) }),
  spec: z.looseObject({ replicas: z.number().default(1) }),
  status: z
    .looseObject({
      observedGeneration: z.number().default(0),
      replicas: z.number().default(0),
      updatedReplicas: z.number().default(0),
      availableReplicas: z.number().default(0),
      conditions: z.array(condition).default([]),
    })
    .prefault({}),
})
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
      conditions: z.array(condition).default([]),
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

/** How far a Deployment's rollout is, from the object and the pods of its newest ReplicaSet; asks nobody. */
export function rolloutState(deployment: KubeObject, newPods: readonly KubeObject[]): RolloutState {
  const { metadata, spec, status } = deploymentSchema.parse(deployment)
  const observed = status.observedGeneration >= metadata.generation
  // Until the controller has seen the change, the newest pods are those of the change before: nothing to judge by.
  const pods = (observed ? newPods : [])
    .map(pod => podSchema.parse(pod))
    .filter(pod => pod.metadata.deletionTimestamp === undefined)
  const failure = status.conditions.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True')
  return {
    done:
      observed &&
      status.updatedReplicas === spec.replicas &&
      status.replicas === spec.replicas &&
      status.availableReplicas === spec.replicas,
    ready: pods.filter(isReady).length,
    wanted: spec.replicas,
    ...(observed && failure !== undefined ? { refusedToCreate: failure.message } : {}),
    troubles: pods.filter(pod => !isReady(pod)).flatMap(troublesOf),
    simulated: pods.some(pod => isTrue(pod, simulatedCondition)),
  }
}

function isReady(pod: Pod): boolean {
  return isTrue(pod, 'Ready')
}

function isTrue(pod: Pod, condition: string): boolean {
  return pod.status.conditions.some(({ type, status }) => type === condition && status === 'True')
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
