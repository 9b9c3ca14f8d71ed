import { describe, expect, test } from 'vitest'
import { type LeaseHolder, newHolder } from '../../../src/engine/lease-holder.ts'
import {
  acquireSharedLease,
  readSharedLease,
  type SharedLease,
  type SharedLeaseOptions,
} from '../../../src/engine/record-lease.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'

const signal = new AbortController().signal
const repository = 'github:acme/platform'

function holder(change: Partial<LeaseHolder> = {}): LeaseHolder {
  return { ...newHolder('mlp phase 6', new Date()), ...change }
}

async function acquire(store: MemoryStore, options: Partial<SharedLeaseOptions> = {}): Promise<SharedLease> {
  const lease = await acquireSharedLease({ store, holder: holder(), signal, ...options })
  if (lease === undefined) throw new Error('there is no place for a lease')
  return lease
}

describe('a lease that is lent', () => {
  test('is taken by the borrower under a number of its own, given back, and taken again by the next job', async () => {
    const store = memoryStore()
    const mine = holder()
    const lender = await acquire(store, { holder: mine })
    await lender.lend(repository)
    const fences: number[] = []
    for (const job of ['images', 'deploy']) {
      const borrower = await acquire(store, {
        holder: holder({ command: `mlp phase 3 (${job})` }),
        borrower: repository,
      })
      fences.push(borrower.fence)
      await borrower.working('3.aws.images')
      expect((await readSharedLease(store, signal))?.command).toBe(`mlp phase 3 (${job})`)
      await borrower.release(signal)
      expect((await readSharedLease(store, signal))?.id).toBe(mine.id)
    }
    expect(fences).toEqual([2, 4])
    expect(await lender.reclaim(signal, false)).toBe(true)
    await lender.working('6.all.branch-protection')
    expect(lender.fence).toBe(5)
    await lender.release(signal)
    expect(await readSharedLease(store, signal)).toBeUndefined()
  })

  test('is nobody else’s: not of another repository, not of a person, not of two jobs at once', async () => {
    const store = memoryStore()
    await (await acquire(store)).lend(repository)
    await expect(acquire(store)).rejects.toMatchObject({ code: 'MLP5220' })
    await expect(acquire(store, { borrower: 'github:acme/other' })).rejects.toMatchObject({ code: 'MLP5220' })
    await acquire(store, { borrower: repository })
    await expect(acquire(store, { borrower: repository })).rejects.toMatchObject({ code: 'MLP5220' })
  })

  test('is not lent unless somebody lent it', async () => {
    const store = memoryStore()
    await acquire(store)
    await expect(acquire(store, { borrower: repository })).rejects.toMatchObject({ code: 'MLP5220' })
  })

  test('comes back from a job that was killed, once the lender knows that it has ended', async () => {
    const store = memoryStore()
    const lender = await acquire(store)
    await lender.lend(repository)
    const killed = await acquire(store, { borrower: repository })
    expect(await lender.reclaim(signal, false)).toBe(true)
    expect(lender.fence).toBe(3)
    await expect(killed.working('3.aws.images')).rejects.toMatchObject({ code: 'MLP5221' })
    await lender.working('6.all.pipeline')
  })

  test('an interrupted lender leaves it to a job at work, which then gives it up instead of back', async () => {
    const store = memoryStore()
    const lender = await acquire(store)
    await lender.lend(repository)
    const job = await acquire(store, { borrower: repository })
    expect(await lender.reclaim(signal, true)).toBe(false)
    await job.working('3.aws.images')
    await job.release(signal)
    expect(await readSharedLease(store, signal)).toBeUndefined()
    await acquire(store)
  })

  test('an interrupted lender takes it back where no job has it', async () => {
    const store = memoryStore()
    const lender = await acquire(store)
    await lender.lend(repository)
    expect(await lender.reclaim(signal, true)).toBe(true)
    await lender.release(signal)
    expect(await readSharedLease(store, signal)).toBeUndefined()
  })
})
