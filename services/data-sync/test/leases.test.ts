import { eventually } from '@mlp/service-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createJobs } from '../src/database/jobs.ts'
import { createLeases, LeaseLost, leaseOfJob } from '../src/database/leases.ts'
import { createRuns } from '../src/database/runs.ts'
import { jobSpecSchema } from '../src/job-spec.ts'
import { databases, type TestDatabase } from './support/databases.ts'

/** So short that it runs out while a test waits; where it must not, a test asks for a longer one. */
const shortMs = 300
const longMs = 60_000

describe.each(databases)('$name', ({ skip, start }) => {
  let server: TestDatabase
  /** Each of its own connections, as replicas have. */
  let one: Awaited<ReturnType<TestDatabase['open']>>
  let other: typeof one
  beforeAll(async () => {
    if (skip) return
    server = await start()
    // At once, as replicas start: one of them makes the tables.
    const opened = await Promise.all([server.open(), ...(server.manyConnections ? [server.open()] : [])])
    one = opened[0]
    other = opened[1] ?? one
  })
  afterAll(async () => {
    await one?.database.destroy()
    if (other !== one) await other?.database.destroy()
    await server?.[Symbol.asyncDispose]()
  })

  const leasesOf = ({ database, dialect }: typeof one, holder: string, ttlMs = longMs) =>
    createLeases(database, dialect, holder, ttlMs)

  test.skipIf(skip)('of many who ask at once, one gets it', async () => {
    const askers = Array.from({ length: 16 }, (_, index) =>
      leasesOf(index % 2 === 0 ? one : other, `holder-${index}`),
    )
    const answers = await Promise.all(askers.map(leases => leases.acquire('leader')))
    const held = answers.filter(lease => lease !== undefined)
    expect(held).toHaveLength(1)
    for (const lease of held) await leasesOf(one, lease.holder).release(lease)
  })

  test.skipIf(skip)('who is taken over can write nothing more', async () => {
    const first = leasesOf(one, 'first', shortMs)
    const second = leasesOf(other, 'second')
    const old = await first.acquire('leader')
    if (old === undefined) throw new Error('not acquired')
    await first.renew(old)
    let taken = await second.acquire('leader')
    await eventually('the lease to run out', async () => {
      taken ??= await second.acquire('leader')
      return taken !== undefined
    })
    expect(taken?.token).toBe(old.token + 1)
    await expect(first.renew(old)).rejects.toBeInstanceOf(LeaseLost)
    let wrote = false
    const writing = first.fenced(old, async () => {
      wrote = true
    })
    await expect(writing).rejects.toBeInstanceOf(LeaseLost)
    expect(wrote).toBe(false)
    // Nor can it give back what is another's.
    await first.release(old)
    expect(await first.acquire('leader')).toBeUndefined()
    if (taken !== undefined) await second.release(taken)
  })

  test.skipIf(skip)('the same wish is one run; a job has its runs one after the other', async () => {
    const jobs = createJobs(one.database, one.dialect)
    const spec = jobSpecSchema.parse({ name: 'wish', source: 's3://source', destinations: ['gs://copy'] })
    const job = await jobs.create(spec)
    if (job === undefined) throw new Error('the name is taken')
    expect(await jobs.create(spec)).toBeUndefined()

    const [here, there] = [leasesOf(one, 'here'), leasesOf(other, 'there')]
    const runs = createRuns(one.database, one.dialect, here)
    const wishes = await Promise.all(
      Array.from({ length: 5 }, () => runs.accept(job, { dryRun: false, idempotencyKey: 'k' })),
    )
    expect(new Set(wishes.map(({ id }) => id)).size).toBe(1)
    await runs.accept(job, { dryRun: true })

    const lease = await here.acquire(leaseOfJob(job.id))
    if (lease === undefined) throw new Error('not acquired')
    expect(await there.acquire(leaseOfJob(job.id))).toBeUndefined()
    expect(await jobs.remove(job.id)).toBe(false)
    const first = await runs.take(lease)
    expect(first).toMatchObject({ id: wishes[0]?.id, state: 'running', attempt: 1 })
    if (first === undefined) throw new Error('no run')
    await runs.finish(lease, first, { state: 'succeeded', progress: undefined, problem: undefined })
    expect(await runs.take(lease)).toMatchObject({ dryRun: true })
    await here.release(lease)
    expect(await jobs.remove(job.id)).toBe(true)
    expect(await runs.list(job.id, Number.MAX_SAFE_INTEGER, 10)).toEqual([])
  })
})
