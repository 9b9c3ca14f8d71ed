import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/kube/objects.ts'
import { rolloutState } from '../../../src/kube/rollout-state.ts'

const deployment = (status: object, generation = 2): KubeObject =>
  JSON.parse(
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'api-gateway', generation },
      spec: { replicas: 3 },
      status: { observedGeneration: 2, ...status },
    }),
  )
const pod = (status: object): KubeObject =>
  JSON.parse(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'api-gateway-x' }, status }))
const container = (status: object) => ({ containerStatuses: [{ name: 'main', ...status }] })

describe('a rollout', () => {
  const whole = { replicas: 3, updatedReplicas: 3, availableReplicas: 3 }
  test.each([
    ['all new pods available', deployment(whole), true],
    ['the controller has not seen the change', deployment(whole, 3), false],
    ['an old pod is still there', deployment({ ...whole, replicas: 4 }), false],
    ['a new pod is not made yet', deployment({ ...whole, updatedReplicas: 2 }), false],
    ['a new pod is not available', deployment({ ...whole, availableReplicas: 2 }), false],
    ['nothing is there', deployment({}), false],
  ])('%s', (_title, object, done) => {
    expect(rolloutState(object, [])).toMatchObject({ done, wanted: 3 })
  })

  test('a quota or a policy that refuses pods is told', () => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: pods' }]
    expect(rolloutState(deployment({ conditions }), []).refusedToCreate).toBe('exceeded quota: pods')
  })
})

test.each([
  [
    'image',
    'ImagePullBackOff',
    container({ state: { waiting: { reason: 'ImagePullBackOff', message: '403 Forbidden' } } }),
  ],
  [
    'crash',
    'CrashLoopBackOff',
    container({
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
      lastState: { terminated: { exitCode: 2, reason: 'Error' } },
    }),
  ],
  ['crash', 'OOMKilled', container({ state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } })],
  [
    'configuration',
    'CreateContainerConfigError',
    container({ state: { waiting: { reason: 'CreateContainerConfigError', message: 'secret not found' } } }),
  ],
  [
    'scheduling',
    'Unschedulable',
    {
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }],
    },
  ],
  ['starting', 'NotReady', container({ state: { running: {} } })],
  ['starting', 'ContainerCreating', container({ state: { waiting: { reason: 'ContainerCreating' } } })],
  ['starting', 'Pending', {}],
])('a pod that is not ready: %s, %s', (kind, reason, status) => {
  expect(rolloutState(deployment({}), [pod(status)]).troubles).toMatchObject([{ kind, reason }])
})

test('pods of the change before are no trouble of a change that the controller has not seen yet', () => {
  const crashed = pod(container({ restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } }))
  expect(rolloutState(deployment({}, 3), [crashed])).toMatchObject({ done: false, troubles: [] })
  expect(rolloutState(deployment({}, 2), [crashed]).troubles).toHaveLength(1)
})

test('a pod in which nothing runs is told apart from one that is ready', () => {
  const conditions = [{ type: 'Ready', status: 'True' }]
  const played = [...conditions, { type: 'mlp.dev/simulated', status: 'True' }]
  expect(rolloutState(deployment({}), [pod({ conditions })])).toMatchObject({ ready: 1, simulated: false })
  expect(rolloutState(deployment({}), [pod({ conditions: played })])).toMatchObject({
    ready: 1,
    simulated: true,
  })
})

test('a pod that is ready, or on its way out, is no trouble', () => {
  const ready = pod({ conditions: [{ type: 'Ready', status: 'True' }], ...container({ ready: true }) })
  const leaving = {
    ...pod(container({})),
    metadata: { name: 'old', deletionTimestamp: '2026-01-01T00:00:00Z' },
  }
  expect(rolloutState(deployment({}), [ready, leaving])).toMatchObject({ ready: 1, troubles: [] })
})
