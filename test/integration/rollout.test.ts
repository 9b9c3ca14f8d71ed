import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { MlpError } from '../../src/engine/errors.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { type KubeObject, refOf } from '../../src/kube/objects.ts'
import { newestPods, withPreviousPods } from '../../src/kube/revisions.ts'
import { waitForRollout } from '../../src/kube/rollout.ts'
import { rollOut } from '../../src/phases/3-applications/roll-out.ts'
import type { ConsentQuestion, Context } from '../../src/phases/phase.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { sayAsKubelet } from '../support/kubelet.ts'
import { eventually } from '../support/processes.ts'

// Real API server, controllers and scheduler; this test is the kubelet, which says how containers fare.
let plane: TestControlPlane
let client: KubeClient
const signal = new AbortController().signal
const kubectl = 'kubectl --kubeconfig /p/kubeconfig --context azure-dev'

beforeAll(async () => {
  plane = await startControlPlane('controllers')
  client = openKubeClient({
    cloud: 'azure',
    access: plane.access,
    token: async () => plane.token(),
    signal,
  })
  await client.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'played' } })
})
afterAll(() => plane?.stop())

/** On the node that this test plays, unless the scheduler is to find one. */
function deployment(name: string, image: string, nodeName: 'played' | 'none' = 'played'): KubeObject {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          containers: [{ name: 'main', image }],
          ...(nodeName === 'none' ? {} : { nodeName }),
        },
      },
    },
  }
}

const watch = (object: KubeObject, options: { timeoutMs?: number; patienceMs?: number } = {}) => {
  const reports: string[] = []
  const rollout = waitForRollout(client, refOf(object), {
    signal,
    kubectl,
    report: message => reports.push(message),
    timeoutMs: 60_000,
    patienceMs: 2_000,
    ...options,
  })
  return { rollout, reports }
}

async function podOf(object: KubeObject): Promise<KubeObject> {
  return eventually(`a pod of ${object.metadata.name}`, async () => {
    const live = await client.get(refOf(object))
    return live === undefined ? undefined : (await newestPods(client, live))[0]
  })
}

const say = (pod: KubeObject, status: object) => sayAsKubelet(plane, pod, status)

const running = {
  phase: 'Running',
  conditions: [
    { type: 'PodScheduled', status: 'True' },
    { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ],
}
const waiting = (reason: string, message: string, restartCount = 0) => ({
  conditions: [{ type: 'PodScheduled', status: 'True' }],
  containerStatuses: [
    {
      name: 'main',
      image: 'a',
      imageID: '',
      ready: false,
      restartCount,
      state: { waiting: { reason, message } },
      ...(restartCount === 0 ? {} : { lastState: { terminated: { exitCode: 2, reason: 'Error' } } }),
    },
  ],
})

test('ends when every new pod is available', async () => {
  const object = deployment('fine', 'example.com/one:1')
  await client.apply(object)
  const { rollout, reports } = watch(object)
  await say(await podOf(object), running)
  expect(await rollout).toMatchObject({ done: true, ready: 1, wanted: 1 })
  expect(reports[0]).toMatch(/^0 of \d ready/)
})

test.each([
  ['aws', 'AmazonEC2ContainerRegistryPullOnly on the nodes’ role'],
  ['gcp', 'roles/artifactregistry.reader on the nodes’ service account'],
  ['azure', 'AcrPull on the kubelet’s identity'],
])('an image that cannot be pulled on %s is told with the right that is missing', async (cloud, right) => {
  const object = deployment(`unpullable-${cloud}`, 'example.com/one:1')
  await client.apply(object)
  const there = { ...client, label: { ...client.label, cloud } }
  const failed = expect(
    waitForRollout(there, refOf(object), {
      signal,
      kubectl,
      report: () => undefined,
      timeoutMs: 60_000,
      patienceMs: 2_000,
    }),
  ).rejects.toMatchObject({
    code: 'MLP4030',
    detail: '403 Forbidden',
    // No way back is named where nothing ran before.
    remedy: [
      `The nodes need ${right}; phase 1 grants it: mlp bootstrap --to 1 --cloud ${cloud}`,
      expect.any(String),
    ],
  })
  await say(await podOf(object), waiting('ImagePullBackOff', '403 Forbidden'))
  await failed
})

test.each([
  ['gone', 'manifest unknown: not found', 'images are pushed by: mlp phase 3 --cloud azure'],
  ['far', 'dial tcp: lookup registry.example.com: no such host', 'do not reach the registry'],
])('an image that is %s is not told to be a matter of rights', async (name, said, remedy) => {
  const object = deployment(`unpullable-${name}`, 'example.com/one:1')
  await client.apply(object)
  const { rollout, reports } = watch(object)
  const failed = expect(rollout).rejects.toMatchObject({
    code: 'MLP4030',
    detail: said,
    remedy: [expect.stringContaining(remedy), expect.any(String)],
  })
  await say(await podOf(object), waiting('ErrImagePull', said))
  await failed
  expect(reports.at(-1)).toMatch(new RegExp(`^0 of 1 ready; unpullable-${name}-\\S+: ErrImagePull: ${said}$`))
})

test('an image that can be pulled after all is no failure', async () => {
  const object = deployment('late-grant', 'example.com/one:1')
  await client.apply(object)
  const { rollout } = watch(object, { patienceMs: 20_000 })
  const pod = await podOf(object)
  await say(pod, waiting('ErrImagePull', '403 Forbidden'))
  await say(pod, { ...running, containerStatuses: [] })
  expect(await rollout).toMatchObject({ done: true })
})

test('a container that keeps ending is told with what can be had of its log', async () => {
  const object = deployment('crashing', 'example.com/one:1')
  await client.apply(object)
  const { rollout } = watch(object)
  const failed = expect(rollout).rejects.toMatchObject({
    code: 'MLP4031',
    message: expect.stringMatching(/crashing-\S+ ended with exit code 2, 3 times$/),
    detail: expect.any(String),
  })
  await say(await podOf(object), waiting('CrashLoopBackOff', 'back-off 40s', 3))
  await failed
})

test('a pod without a node to run on is told when the time is up', async () => {
  const object = deployment('homeless', 'example.com/one:1', 'none')
  await client.apply(object)
  await expect(watch(object, { timeoutMs: 5_000 }).rollout).rejects.toMatchObject({
    code: 'MLP4032',
    message: expect.stringContaining('0 of 1 ready after'),
  })
})

test('pods that a quota refuses are told without waiting for the deadline', async () => {
  const quota = { metadata: { name: 'none', namespace: 'default' }, spec: { hard: { 'count/pods': '0' } } }
  await client.apply({ apiVersion: 'v1', kind: 'ResourceQuota', ...quota })
  const object = deployment('refused', 'example.com/one:1')
  await client.apply(object)
  await expect(watch(object).rollout).rejects.toMatchObject({
    code: 'MLP4032',
    detail: expect.stringContaining('exceeded quota'),
  })
  await client.delete({ apiVersion: 'v1', kind: 'ResourceQuota', name: 'none', namespace: 'default' })
})

test('goes back to the pods of the revision before', async () => {
  const first = deployment('undone', 'example.com/one:1')
  const second = deployment('undone', 'example.com/one:2')
  await client.apply(first)
  await say(await podOf(first), running)
  await watch(first).rollout
  expect(await withPreviousPods(client, first)).toBeUndefined()
  await client.apply(second)
  await eventually('the second revision', async () => {
    const live = await client.get(refOf(second))
    return live?.metadata.annotations?.['deployment.kubernetes.io/revision'] === '2' ? true : undefined
  })
  const previous = await withPreviousPods(client, second)
  if (previous === undefined) throw new Error('there was a revision before')
  await client.apply(previous)
  expect(await client.get(refOf(first))).toMatchObject({
    spec: { template: { spec: { containers: [{ image: 'example.com/one:1' }] } } },
  })
})

/** What plays the pods here makes every new one ready; for minutes that does not count. */
const patient = (object: KubeObject): KubeObject => ({
  ...object,
  spec: { ...z.record(z.string(), z.json()).parse(object['spec']), minReadySeconds: 500 },
})

test('goes back past a change that was as bad, to the pods that still run', async () => {
  const first = deployment('twice-bad', 'example.com/one:1')
  await client.apply(first)
  await say(await podOf(first), running)
  await watch(first).rollout
  for (const [image, revision] of [
    ['example.com/one:2', '2'],
    ['example.com/one:3', '3'],
  ] as const) {
    const bad = patient(deployment('twice-bad', image))
    await client.apply(bad)
    await eventually(`revision ${revision}`, async () => {
      const live = await client.get(refOf(bad))
      return live?.metadata.annotations?.['deployment.kubernetes.io/revision'] === revision || undefined
    })
  }
  const previous = await withPreviousPods(client, deployment('twice-bad', 'example.com/one:3'))
  expect(JSON.stringify(previous)).toContain('one:1')
})

describe('where new pods keep ending', () => {
  const questions: string[] = []
  const context = (rollback: boolean | 'nobody') =>
    ({
      config: defaultSandboxConfig('dev'),
      home: '/p',
      signal,
      emit: () => undefined,
      consent: {
        approve: async ({ flag, message }: ConsentQuestion) => {
          questions.push(`${flag} ${message}`)
          if (rollback !== 'nobody') return rollback
          throw new MlpError({ code: 'MLP5001', summary: 'no terminal', remedy: [] })
        },
      },
    }) as unknown as Context
  const broken = async (name: string, rollback: boolean | 'nobody') => {
    const first = deployment(name, 'example.com/one:1')
    const second = patient(deployment(name, 'example.com/one:2'))
    await client.apply(first)
    await say(await podOf(first), running)
    await watch(first).rollout
    await client.apply(second)
    const pod = await eventually('a pod of the second revision', async () => {
      const found = await podOf(second)
      return JSON.stringify(found).includes('one:2') ? found : undefined
    })
    await say(pod, waiting('CrashLoopBackOff', 'back-off 40s', 3))
    const ended = await rollOut(context(rollback), client, second, () => undefined).catch(
      (error: unknown) => error,
    )
    const live = JSON.stringify((await client.get(refOf(second)))?.['spec'])
    return { ended, image: /one:\d/.exec(live)?.[0] }
  }

  test('those before run again when it is agreed to; the step has failed all the same', async () => {
    const { ended, image } = await broken('agreed', true)
    expect(ended).toMatchObject({
      code: 'MLP4031',
      message: expect.stringContaining('; the pods that ran before run again'),
      remedy: [expect.any(String), expect.any(String)],
    })
    expect(image).toBe('one:1')
    expect(questions).toEqual([
      '--rollback Go back to the pods of Deployment default/agreed on azure that ran before?',
    ])
  })

  test.each([[false], ['nobody' as const]])('nothing is taken back when the answer is %s', async answer => {
    const { ended, image } = await broken(`kept-${answer}`, answer)
    expect(ended).toMatchObject({
      code: 'MLP4031',
      remedy: expect.arrayContaining([
        'Go back to what ran before: mlp phase 3 --cloud azure --rollback',
        `Go back to what ran before, by hand: ${kubectl} --namespace default rollout undo deployment/kept-${answer} --to-revision=1`,
      ]),
    })
    expect(image).toBe('one:2')
  })
})
