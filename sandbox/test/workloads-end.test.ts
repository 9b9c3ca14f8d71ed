import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { eventually } from '../../test/support/processes.ts'
import { buildImage } from './image-fixture.ts'
import { canTestPods, startTestCluster, type TestCluster } from './workloads-fixture.ts'

const pods = '/api/v1/namespaces/default/pods'
/** Goes on after SIGTERM: only the end of its grace period ends it. */
const stubborn = `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000)`
/** Of the life of a pod, from before its network is connected to well after its start. */
const moments = [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280]
const patienceMs = 120_000

let cluster: TestCluster
let image: string

const supported = await canTestPods()

beforeAll(async () => {
  if (!supported) return
  cluster = await startTestCluster()
  image = await cluster.push(
    await buildImage({
      files: { 'app/server.mjs': stubborn },
      withNode: true,
      config: { Entrypoint: ['/bin/node'], Cmd: ['/app/server.mjs'], User: '65532:65532' },
    }),
  )
})
afterAll(() => cluster?.close())

const listSchema = z.object({
  items: z.array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) })),
})
const namesOfPods = async () =>
  listSchema.parse(await cluster.admin.call('GET', pods)).items.map(({ metadata }) => metadata.name)

async function create(name: string, spec: object = {}): Promise<void> {
  const containers = [{ name: 'web', image }]
  await cluster.admin.call('POST', pods, {
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 1, containers, ...spec },
  })
}
const remove = (name: string) => cluster.admin.call('DELETE', `${pods}/${name}`)

/** Nothing of any pod is left: in the API, in the node's folder, among the processes. */
async function expectNothingLeft(): Promise<void> {
  let seen: unknown
  await eventually(
    'no pod to be left',
    async () => {
      const folder = join(cluster.home, 'workloads', 'aws', 'ml-platform-dev', 'pods')
      seen = { pods: await namesOfPods(), folders: await readdir(folder), processes: await containers() }
      return JSON.stringify(seen) === JSON.stringify({ pods: [], folders: [], processes: [] }) || undefined
    },
    patienceMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(seen)}`)
  })
}

/** Processes of this machine that were started as a container of this sandbox. */
async function containers(): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const lines = await Promise.all(ids.map(id => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter(line => line.includes(join(cluster.home, 'workloads')) && line.includes('start.sh'))
}

describe.runIf(supported)('pods end', () => {
  test('at whatever moment they are deleted', async () => {
    await Promise.all(
      moments.map(async afterMs => {
        await create(`after-${afterMs}`)
        await delay(afterMs)
        await remove(`after-${afterMs}`)
      }),
    )
    await expectNothingLeft()
  })

  test('while they wait for what is not there', async () => {
    const volumes = [{ name: 'missing', configMap: { name: 'missing' } }]
    const mounts = [{ name: 'missing', mountPath: '/missing' }]
    await create('waiting', { volumes, containers: [{ name: 'web', image, volumeMounts: mounts }] })
    const folder = join(cluster.home, 'workloads', 'aws', 'ml-platform-dev', 'pods')
    await eventually('the pod to be begun', async () => (await readdir(folder)).length > 0 || undefined)
    await remove('waiting')
    await expectNothingLeft()
  })

  test('while an init container runs', async () => {
    await create('initialising', { initContainers: [{ name: 'first', image }] })
    await eventually('the init container to run', async () => (await containers()).length > 0 || undefined)
    await remove('initialising')
    await expectNothingLeft()
  })

  test('although the daemon that began to end them is gone', async () => {
    await create('left', { terminationGracePeriodSeconds: 600 })
    await eventually('the container to run', async () => (await containers()).length > 0 || undefined)
    await remove('left')
    expect(await namesOfPods()).toEqual(['left'])
    await cluster.replaceDaemon()
    await expectNothingLeft()
  })

  test('when another of their name takes their place at once', async () => {
    for (let round = 0; round < 5; round++) {
      await create('again')
      await cluster.admin.call('DELETE', `${pods}/again?gracePeriodSeconds=0`)
    }
    await create('again')
    await eventually('the last one to run', async () => {
      const pod = z
        .looseObject({ status: z.looseObject({ phase: z.string() }) })
        .parse(await cluster.admin.call('GET', `${pods}/again`))
      return pod.status.phase === 'Running' || undefined
    })
    await remove('again')
    await expectNothingLeft()
  })
})
