import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { waitForJob } from '../../src/kube/job.ts'
import { type KubeObject, refOf } from '../../src/kube/objects.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { sayAsKubelet } from '../support/kubelet.ts'
import { eventually } from '../support/processes.ts'

// Real API server and Job controller; this test is the kubelet, which says how containers fare.
let plane: TestControlPlane
let client: KubeClient

beforeAll(async () => {
  plane = await startControlPlane('controllers')
  client = openKubeClient({
    cloud: 'gcp',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  await client.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'played' } })
})
afterAll(() => plane?.stop())

function job(name: string): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          nodeName: 'played',
          containers: [{ name: 'main', image: 'example.com/job:1' }],
        },
      },
    },
  }
}

const podOf = ({ metadata }: KubeObject): Promise<KubeObject> =>
  eventually(`a pod of ${metadata.name}`, async () => {
    const pods = await client.list({
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'default',
      labelSelector: `batch.kubernetes.io/job-name=${metadata.name}`,
    })
    return pods[0]
  })

/** Whether it ends well is looked at later: a refusal in between would be nobody's. */
const settled = async (object: KubeObject) => {
  const reports: string[] = []
  const [outcome] = await Promise.allSettled([
    waitForJob(client, refOf(object), {
      signal: new AbortController().signal,
      report: message => reports.push(message),
      patienceMs: 500,
    }),
  ])
  return { outcome, reports }
}

const ended = (exitCode: number) => ({
  phase: exitCode === 0 ? 'Succeeded' : 'Failed',
  containerStatuses: [
    {
      ...{ name: 'main', image: 'a', imageID: '', ready: false, restartCount: 0 },
      state: { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' } },
    },
  ],
})

test('a Job that completes is waited for', async () => {
  const object = job('fine')
  await client.apply(object)
  const waiting = settled(object)
  await sayAsKubelet(plane, await podOf(object), ended(0))
  const { outcome, reports } = await waiting
  expect(outcome).toEqual({ status: 'fulfilled', value: undefined })
  expect(reports[0]).toMatch(/Job.*fine.* runs$/)
})

test('a Job that fails is told with its reason, its cloud and what can be had of its log', async () => {
  const object = job('broken')
  await client.apply(object)
  const waiting = settled(object)
  await sayAsKubelet(plane, await podOf(object), ended(3))
  expect((await waiting).outcome).toMatchObject({
    status: 'rejected',
    reason: {
      code: 'MLP4034',
      message: expect.stringMatching(/broken.*BackoffLimitExceeded.*on gcp/),
      // No kubelet is there to be asked.
      detail: expect.stringMatching(/log cannot be read|written nothing/),
    },
  })
})

const waits = (reason: string, message: string) => ({
  phase: 'Pending',
  containerStatuses: [
    {
      ...{ name: 'main', image: 'a', imageID: '', ready: false, restartCount: 0 },
      state: { waiting: { reason, message } },
    },
  ],
})

test.for([
  ['an image that cannot be pulled', 'ErrImagePull', '403 Forbidden', 'MLP4030'],
  ['a Secret that is missing', 'CreateContainerConfigError', 'secret "x" not found', 'MLP4034'],
] as const)('%s is told while the Job still waits for it', async ([what, reason, message, code]) => {
  const object = job(what.replaceAll(' ', '-').toLowerCase())
  await client.apply(object)
  const waiting = settled(object)
  await sayAsKubelet(plane, await podOf(object), waits(reason, message))
  const { outcome, reports } = await waiting
  expect(outcome).toMatchObject({
    status: 'rejected',
    reason: { code, detail: expect.stringContaining(message) },
  })
  expect(reports.join('\n')).toContain(`${reason}: ${message}`)
})
