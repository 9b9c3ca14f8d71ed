import { randomBytes } from 'node:crypto'
import { eventually } from '@mlp/service-kit/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { runSchema } from '../src/api/schemas.ts'
import { databases, type TestDatabase } from './support/databases.ts'
import { type Emulators, startEmulators } from './support/emulators.ts'
import { contentOf, fill, open } from './support/objects.ts'
import { startProxy } from './support/proxy.ts'
import { type Service, startService } from './support/service.ts'

let emulators: Emulators
beforeAll(async () => {
  emulators = await startEmulators(['s3', 'gcs'])
})
afterAll(() => emulators?.[Symbol.asyncDispose]())

describe.each(databases)('two replicas on $name', ({ skip, start }) => {
  let database: TestDatabase
  const started: AsyncDisposable[] = []
  beforeAll(async () => {
    if (!skip) database = await start()
  })
  afterEach(async () => {
    for (const one of started.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })
  afterAll(() => database?.[Symbol.asyncDispose]())

  const replica = async (settings: Readonly<Record<string, string>> = {}): Promise<Service> => {
    const service = await startService(emulators, { ...database.settings, ...settings })
    started.push(service)
    return service
  }
  const runsOf = async (service: Service, jobId: string) => {
    const response = await service.call(`/v1/runs?job=${jobId}`)
    return z.object({ runs: z.array(runSchema) }).parse(await response.json()).runs
  }
  const bucket = (name: string) =>
    `${name}-${database.settings['DATABASE_URL']?.slice(0, 6).replace(/\W/g, '')}`

  test.skipIf(skip)('run each job once, and send each object once', async () => {
    const name = bucket('race')
    await emulators.makeBuckets(name)
    const folders = Array.from({ length: 6 }, (_, index) => `job-${index}`)
    const stores = emulators.open()
    for (const folder of folders) {
      await fill(open(stores, `s3://${name}/${folder}`), {
        'a.bin': randomBytes(10),
        'b.bin': randomBytes(10),
      })
    }
    await using proxy = await startProxy(emulators.endpoints.gcs)
    const uploads: string[] = []
    proxy.fault = ({ method, path }) => {
      if (method === 'POST') uploads.push(path)
      return undefined
    }
    const replicas = await Promise.all([
      replica({ STORAGE_EMULATOR_HOST: proxy.url }),
      replica({ STORAGE_EMULATOR_HOST: proxy.url }),
    ])
    const [first, second] = replicas
    const jobs = await Promise.all(
      folders.map(folder =>
        first.makeJob({
          ...{ name: `${name}-${folder}`, source: `s3://${name}/${folder}` },
          destinations: [`gs://${name}/${folder}`],
        }),
      ),
    )
    const accepted = await Promise.all(
      jobs.map((job, index) => (index % 2 === 0 ? first : second).startRun(job.id)),
    )
    const ended = await Promise.all(accepted.map(run => second.ended(run.id)))
    // Whole, so that a failure says why the run failed.
    expect(ended.filter(({ state }) => state !== 'succeeded')).toEqual([])
    for (const run of ended) {
      expect(run).toMatchObject({
        attempt: 1,
        progress: { destinations: [{ copied: 2 }] },
      })
    }
    expect(uploads).toHaveLength(folders.length * 2)
    const leaders = await Promise.all(
      replicas.map(async service =>
        /^data_sync_leader (\d)/m.exec(await (await service.call('/metrics')).text()),
      ),
    )
    expect(leaders.map(match => match?.[1]).sort()).toEqual(['0', '1'])
    await stores.close()
  })

  test.skipIf(skip)('a schedule that falls due makes one run', async () => {
    const name = bucket('schedule')
    await emulators.makeBuckets(name)
    const [first, second] = await Promise.all([replica(), replica()])
    const job = await first.makeJob({
      ...{ name, source: `s3://${name}`, destinations: [`gs://${name}`] },
      schedule: { cron: '0 3 1 1 *', timeZone: 'Europe/Berlin' },
    })
    expect(job.nextRunAt).toMatch(/-01-01T02:00:00.000Z$/)
    // What the clock would do by the first of January.
    const { database: tables } = await database.open()
    await tables
      .updateTable('jobs')
      .set({ due_ms: Date.now() - 1_000 })
      .where('id', '=', job.id)
      .execute()
    await eventually('the scheduled run', async () => (await runsOf(second, job.id)).length > 0)
    const [run] = await runsOf(second, job.id)
    expect(run?.scheduledFor).toBeDefined()
    expect(await first.ended(run?.id ?? '')).toMatchObject({ state: 'succeeded', attempt: 1 })
    const later = z
      .object({ nextRunAt: z.string() })
      .parse(await (await first.call(`/v1/jobs/${job.id}`)).json())
    expect(later.nextRunAt).toBe(job.nextRunAt)
    expect(await runsOf(first, job.id)).toHaveLength(1)
    await tables.destroy()
  })

  test.skipIf(skip)('one that froze is taken over, and can do nothing when it wakes', async () => {
    const name = bucket('freeze')
    await emulators.makeBuckets(name)
    const stores = emulators.open()
    const large = randomBytes(6 * 8_388_608)
    await fill(open(stores, `s3://${name}`), { 'large.bin': large })
    await using proxy = await startProxy(emulators.endpoints.gcs)
    const settings = { STORAGE_EMULATOR_HOST: proxy.url, MEMORY_BUDGET_MIB: '9' }
    const frozen = await replica(settings)
    const job = await frozen.makeJob({ name, source: `s3://${name}`, destinations: [`gs://${name}`] })
    proxy.onSent = bytes => {
      if (bytes > 2.5 * 8_388_608) frozen.process.child.kill('SIGSTOP')
    }
    const run = await frozen.startRun(job.id)
    await eventually('the replica to freeze', () => proxy.sentBytes > 2.5 * 8_388_608, 30_000)
    proxy.onSent = () => {}
    const other = await replica(settings)
    const ended = await other.ended(run.id)
    expect(ended).toMatchObject({ state: 'succeeded', attempt: 2 })
    frozen.process.child.kill('SIGCONT')
    await eventually('the frozen one to notice', () =>
      frozen.process.lines.some(({ msg }) => msg === 'run was given up'),
    )
    expect(await other.run(run.id)).toEqual(ended)
    expect((await contentOf(open(stores, `gs://${name}`), 'large.bin')).equals(large)).toBe(true)
    await stores.close()
  })
})
