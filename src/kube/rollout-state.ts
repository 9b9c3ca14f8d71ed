import * as z from 'zod'
import { conditionSchema, metCondition } from './conditions.ts'
import type { KubeObject } from './objects.ts'
import { type PodTrouble, viewPod } from './pod-trouble.ts'

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

export const revisionKey = 'deployment.kubernetes.io/revision'
export const templateHashKey = 'pod-template-hash'

const deploymentSchema = z.looseObject({
  metadata: z.looseObject({ generation: z.number().default(0) }),
  spec: z.looseObject({ replicas: z.number().default(1) }),
  status: z
    .looseObject({
      observedGeneration: z.number().default(0),
      replicas: z.number().default(0),
      updatedReplicas: z.number().default(0),
      availableReplicas: z.number().default(0),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
})
/** How far a Deployment's rollout is, from the object and the pods of its newest ReplicaSet; asks nobody. */
export function rolloutState(deployment: KubeObject, newPods: readonly KubeObject[]): RolloutState {
  const { metadata, spec, status } = deploymentSchema.parse(deployment)
  const observed = status.observedGeneration >= metadata.generation
  // Until the controller has seen the change, the newest pods are those of the change before: nothing to judge by.
  const pods = (observed ? newPods : []).map(pod => viewPod(pod)).filter(({ leaving }) => !leaving)
  const failure = metCondition(status.conditions, 'ReplicaFailure')
  return {
    done:
      observed &&
      status.updatedReplicas === spec.replicas &&
      status.replicas === spec.replicas &&
      status.availableReplicas === spec.replicas,
    ready: pods.filter(({ ready }) => ready).length,
    wanted: spec.replicas,
    ...(observed && failure !== undefined ? { refusedToCreate: failure.message } : {}),
    troubles: pods.flatMap(({ troubles }) => troubles),
    simulated: pods.some(({ simulated }) => simulated),
  }
}
