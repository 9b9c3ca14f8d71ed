import * as z from 'zod'
import type { Container, Pod } from './pod.ts'

const terminatedSchema = z.object({
  exitCode: z.int(),
  reason: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  containerID: z.string(),
})
const stateSchema = z.union([
  z.object({ waiting: z.object({ reason: z.string(), message: z.string().optional() }) }),
  z.object({ running: z.object({ startedAt: z.string() }) }),
  z.object({ terminated: terminatedSchema }),
])

/** What is known of one container: told in the pod's status, and kept on disk for the next daemon. */
export const containerRecordSchema = z.object({
  state: stateSchema,
  lastState: z.object({ terminated: terminatedSchema }).optional(),
  ready: z.boolean(),
  started: z.boolean(),
  restartCount: z.int(),
  containerId: z.string(),
  imageId: z.string(),
  /** The process that keeps it, while it runs. */
  process: z.object({ pid: z.int(), startedAt: z.string() }).optional(),
  uid: z.int(),
  gid: z.int(),
})
export type ContainerRecord = z.infer<typeof containerRecordSchema>

export function newContainerRecord(reason: string): ContainerRecord {
  return {
    state: { waiting: { reason } },
    ready: false,
    started: false,
    restartCount: 0,
    containerId: '',
    imageId: '',
    uid: 0,
    gid: 0,
  }
}

export interface PodFactsForStatus {
  readonly podIp: string | undefined
  readonly hostIp: string | undefined
  readonly startTime: string
  readonly records: ReadonlyMap<string, ContainerRecord>
  /** Names of containers that are only said to run. */
  readonly played: readonly string[]
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ */
export function podStatus(pod: Pod, facts: PodFactsForStatus): object {
  const recordOf = (container: Container) =>
    facts.records.get(container.name) ?? newContainerRecord('PodInitializing')
  const main = pod.spec.containers.map(recordOf)
  // Sidecars end after the main containers: that takes nothing back.
  const initialized =
    main.some(({ state, lastState }) => !('waiting' in state) || lastState !== undefined) ||
    pod.spec.initContainers.every(container => isInitialized(container, recordOf(container)))
  const phase = phaseOf(pod, pod.spec.initContainers.map(recordOf), initialized, main)
  const ended = phase === 'Succeeded' || phase === 'Failed'
  const ready = initialized && !ended && main.every(record => record.ready)
  const gatesOpen = pod.spec.readinessGates.every(gate =>
    pod.status.conditions.some(one => one.type === gate.conditionType && one.status === 'True'),
  )
  const unready = pod.spec.containers.filter(container => !recordOf(container).ready).map(one => one.name)
  const why = ended
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
  const conditions = [
    condition(pod, 'PodReadyToStartContainers', facts.podIp !== undefined && !ended),
    condition(pod, 'Initialized', initialized, initialized ? {} : { reason: 'ContainersNotInitialized' }),
    condition(pod, 'ContainersReady', ready, ready ? {} : why),
    condition(
      pod,
      'Ready',
      ready && gatesOpen,
      ready ? (gatesOpen ? {} : { reason: 'ReadinessGatesNotReady' }) : why,
    ),
    // As kwok's stage says it of whole pods.
    ...(facts.played.length === 0
      ? []
      : [
          condition(pod, 'mlp.dev/simulated', true, {
            reason: 'PlayedContainers',
            message: `nothing runs in ${facts.played.join(', ')}`,
          }),
        ]),
  ]
  return {
    phase,
    conditions,
    startTime: facts.startTime,
    ...(facts.hostIp === undefined ? {} : { hostIP: facts.hostIp, hostIPs: [{ ip: facts.hostIp }] }),
    ...(facts.podIp === undefined ? {} : { podIP: facts.podIp, podIPs: [{ ip: facts.podIp }] }),
    ...(pod.spec.initContainers.length === 0
      ? {}
      : { initContainerStatuses: pod.spec.initContainers.map(one => containerStatus(one, recordOf(one))) }),
    containerStatuses: pod.spec.containers.map(one => containerStatus(one, recordOf(one))),
  }
}

/** A sidecar counts once it has started, any other once it has succeeded. */
export function isInitialized(container: Container, record: ContainerRecord): boolean {
  if (container.restartPolicy === 'Always') return record.started
  return 'terminated' in record.state && record.state.terminated.exitCode === 0
}

function phaseOf(
  pod: Pod,
  init: readonly ContainerRecord[],
  initialized: boolean,
  main: readonly ContainerRecord[],
): string {
  const policy = pod.spec.restartPolicy
  if (!initialized) {
    const gaveUp = init.some(({ state }) => 'terminated' in state && state.terminated.exitCode !== 0)
    return gaveUp && policy === 'Never' ? 'Failed' : 'Pending'
  }
  if (main.some(({ state, lastState }) => 'waiting' in state && lastState === undefined)) return 'Pending'
  const codes = main.flatMap(({ state }) => ('terminated' in state ? [state.terminated.exitCode] : []))
  // A pod that is being deleted ends whatever its policy.
  const isEnding = pod.metadata.deletionTimestamp !== undefined
  if (codes.length < main.length || (policy === 'Always' && !isEnding)) return 'Running'
  if (codes.every(code => code === 0)) return 'Succeeded'
  return policy === 'OnFailure' && !isEnding ? 'Running' : 'Failed'
}

function condition(pod: Pod, type: string, holds: boolean, why: object = {}): object {
  const status = holds ? 'True' : 'False'
  const known = pod.status.conditions.find(one => one.type === type)
  const since = known?.status === status ? known.lastTransitionTime : undefined
  return { type, status, lastTransitionTime: since ?? seconds(new Date()), ...why }
}

function containerStatus(container: Container, record: ContainerRecord): object {
  return {
    name: container.name,
    image: container.image,
    imageID: record.imageId,
    ...(record.containerId === '' ? {} : { containerID: record.containerId }),
    ready: record.ready,
    started: record.started,
    restartCount: record.restartCount,
    state: record.state,
    ...(record.lastState === undefined ? {} : { lastState: record.lastState }),
  }
}

/** Kubernetes' times have whole seconds. */
export function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
