import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import type { KubeObject } from '../../src/kube/objects.ts'
import { mark } from '../../src/phases/2-kubernetes/marks.ts'
import { readCopy } from '../../src/phases/8-readiness/backup-objects.ts'
import { findRehearsals } from '../../src/phases/8-readiness/backup-restore.ts'
import { readinessPhase } from '../../src/phases/8-readiness/index.ts'
import type { Context } from '../../src/phases/phase.ts'
import { testBackups } from '../support/backups.ts'
import { refusing, testContext } from '../support/context.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'

// A real API server and controller manager judge what is copied and restored. No pod ever runs.
const config = defaultSandboxConfig('dev')
const progress = { report: () => {} }
const backups = testBackups()
const hourMs = 3_600_000

let plane: TestControlPlane
let folder: string
let client: KubeClient

function context(destroyData = false): Context {
  const cloud: Partial<Cloud> = {
    name: 'aws',
    title: 'AWS',
    region: 'somewhere',
    cluster: async () => plane.access,
    token: async () => plane.token(),
    backups: () => backups,
  }
  return testContext({
    config,
    clouds: new Map([['aws', cloud as Cloud]]),
    home: folder,
    platformFolder: folder,
    consent: { ...refusing, destroyData },
  })
}

const step = (() => {
  const found = readinessPhase.steps(config).find(({ id }) => id === '8.aws.cluster-backup')
  if (found === undefined) throw new Error('phase 8 has no step 8.aws.cluster-backup')
  return found
})()
async function found(name: string) {
  const check = readinessPhase.checks(config, context().clouds).find(({ id }) => id === `8.aws.${name}`)
  if (check === undefined) throw new Error(`no check ${name}`)
  return await check.run(context())
}
const newestCopy = async () => {
  const [newest] = await backups.list('cluster/', context().signal)
  if (newest === undefined) throw new Error('no copy is kept')
  return newest.name
}
const proofRef = { apiVersion: 'v1', kind: 'ConfigMap', name: 'mlp-cluster-backup', namespace: 'ml-platform' }
const red = (detail: string) => ({
  status: 'fail',
  detail: expect.stringContaining(detail),
  remedy: ['mlp phase 8 --cloud aws'],
})

const container = { name: 'app', image: 'nobody/knows:1' }
const labels = { app: 'shop' }
const namespaced = (apiVersion: string, kind: string, rest: object): KubeObject =>
  ({ apiVersion, kind, metadata: { name: 'shop', namespace: 'ml-platform', labels }, ...rest }) as KubeObject
const template = { metadata: { labels }, spec: { containers: [container] } }
/** One of each kind that acts beyond its namespace if it is restored without thought. */
const objects: readonly KubeObject[] = [
  namespaced('v1', 'ConfigMap', { data: { colour: 'blue' } }),
  namespaced('v1', 'Secret', { stringData: { password: 'never-in-a-copy' } }),
  namespaced('v1', 'ServiceAccount', {}),
  namespaced('v1', 'Service', {
    spec: { type: 'LoadBalancer', selector: labels, ports: [{ port: 80, name: 'http' }] },
  }),
  namespaced('apps/v1', 'Deployment', { spec: { replicas: 2, selector: { matchLabels: labels }, template } }),
  namespaced('apps/v1', 'DaemonSet', { spec: { selector: { matchLabels: labels }, template } }),
  namespaced('batch/v1', 'CronJob', {
    spec: {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
    },
  }),
  namespaced('v1', 'PersistentVolumeClaim', {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }),
  namespaced('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: {
      minReplicas: 2,
      maxReplicas: 4,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shop' },
    },
  }),
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-backup-'))
  plane = await startControlPlane('controllers')
  client = openKubeClient({
    cloud: 'aws',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  for (const name of ['ml-platform', 'ml-serving'])
    await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  for (const object of objects) await client.apply(object)
}, 300_000)
afterAll(async () => {
  await plane?.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('the cluster’s objects', () => {
  beforeEach(async () => {
    if ((await step.status(context())).state !== 'present') await step.apply(context(), progress)
  }, 240_000)

  test('are copied without secrets, and as somebody would declare them', async () => {
    const text = backups.copies.get(await newestCopy())?.text ?? ''
    expect(text).not.toMatch(/never-in-a-copy|bmV2ZXIt|resourceVersion|managedFields|"clusterIP"/)
    const copy = readCopy(text)
    expect(copy?.leftOut).toMatchObject([{ kind: 'Secret', names: ['ml-platform/shop'] }])
    const kinds = copy?.objects.filter(({ metadata }) => metadata.name === 'shop').map(({ kind }) => kind)
    expect(kinds?.sort()).toEqual(
      objects
        .map(({ kind }) => kind)
        .filter(kind => kind !== 'Secret')
        .sort(),
    )
  })

  test('were restored, all but what would act beyond its namespace, and nothing of that is left', async () => {
    const proof = await client.get(proofRef)
    expect(JSON.stringify(proof)).toMatch(/\\"accepted\\": 1,/)
    expect(await findRehearsals(context(), client)).toEqual([])
    const claims = await client.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' })
    expect(claims.map(({ metadata }) => metadata.namespace)).toEqual(['ml-platform'])
    expect(await found('cluster-backup')).toMatchObject({
      status: 'pass',
      detail: expect.stringMatching(/RPO now .*RTO [\d.]+ s/),
    })
  })

  test('a second look finds nothing to do', async () => {
    expect(await step.status(context())).toMatchObject({
      state: 'present',
      why: expect.stringContaining('copied and restored'),
    })
  })

  const losses: readonly (readonly [string, string, () => Promise<void>])[] = [
    ['the copies', 'no copy is kept', async () => backups.copies.clear()],
    ['the proof', 'nobody has ever restored it', async () => void (await client.delete(proofRef))],
    [
      'what a copy holds',
      'somebody has changed it',
      async () => {
        const name = await newestCopy()
        const { at = '' } = backups.copies.get(name) ?? {}
        backups.copies.set(name, { at, text: '{}' })
      },
    ],
    [
      'good order, by a rehearsal that was killed,',
      'Namespace mlp-restored-ml-platform',
      async () => {
        const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mlp-restored-ml-platform' } }
        await client.apply(mark(context(), 'restore-rehearsal', object))
      },
    ],
  ]
  test.each(losses)(
    '%s taken away by hand is seen, and another run puts it right',
    async (_what, told, take) => {
      await take()
      expect(await found('cluster-backup')).toMatchObject(red(told))
      await step.apply(context(), progress)
      expect(await found('cluster-backup')).toMatchObject({ status: 'pass' })
      expect(await findRehearsals(context(), client)).toEqual([])
    },
    240_000,
  )

  test('an old copy is told, and taken anew', async () => {
    const name = await newestCopy()
    const { text = '' } = backups.copies.get(name) ?? {}
    backups.copies.clear()
    const aged = (hours: number) =>
      backups.copies.set(name, { text, at: new Date(Date.now() - hours * hourMs).toISOString() })
    aged(25)
    expect(await step.status(context())).toMatchObject({ state: 'partial' })
    expect(await found('cluster-backup')).toMatchObject({ status: 'pass' })
    aged(8 * 24)
    expect(await found('cluster-backup')).toMatchObject({
      status: 'warn',
      remedy: ['mlp phase 8 --cloud aws'],
    })
    aged(31 * 24)
    expect(await found('cluster-backup')).toMatchObject(red('older than 30 days'))
  })

  test('are kept by a teardown, and removed by one that destroys data', async () => {
    const undone = await step.undo?.(context(), progress)
    expect(undone).toMatchObject({ removed: [], kept: [{ type: 'cluster-backup' }], left: [] })
    expect((await step.status(context())).state).toBe('absent')
    const destroyed = await step.undo?.(context(true), progress)
    expect(destroyed).toMatchObject({ removed: [{ type: 'cluster-backup' }], kept: [], left: [] })
    expect(backups.copies.size).toBe(0)
  })
})

test('a bucket that keeps no versions is named', async () => {
  expect(await found('bucket-versions')).toMatchObject({ status: 'pass' })
  backups.histories = [{ bucket: 'models', detail: 'versioning Suspended', problem: 'versioning Suspended' }]
  expect(await found('bucket-versions')).toMatchObject({
    status: 'fail',
    detail: 'models: versioning Suspended',
    remedy: ['mlp phase 1 --cloud aws'],
  })
})

test('the database’s backups are told with the newest moment, and fail when they are off', async () => {
  expect(await found('database-backup')).toMatchObject({ status: 'fail', detail: 'there is no database' })
  const newest = new Date(Date.now() - 3 * 60_000).toISOString()
  backups.kept = { name: 'db', problems: [], retentionDays: 7, newest }
  expect(await found('database-backup')).toMatchObject({
    status: 'pass',
    detail: `db: 7 days are kept; RPO now 3 min (it can be restored to ${newest})`,
  })
  backups.kept = { name: 'db', problems: ['automated backups are off'], retentionDays: 0 }
  expect(await found('database-backup')).toMatchObject({
    status: 'fail',
    detail: 'db: automated backups are off',
    remedy: ['mlp phase 1 --cloud aws'],
  })
})
