import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { MlpError } from '../../../src/engine/errors.ts'
import { type LeaseHolder, newHolder, whereabouts } from '../../../src/engine/lease-holder.ts'
import {
  acquireSharedLease,
  breakSharedLease,
  readSharedLease,
  type SharedLease,
  type SharedLeaseOptions,
} from '../../../src/engine/record-lease.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'

const signal = new AbortController().signal
const elsewhere = { user: 'grace', host: 'machine-b', machine: 'another boot' }
const here = whereabouts()

function holder(change: Partial<LeaseHolder> = {}): LeaseHolder {
  return { ...newHolder('mlp bootstrap', new Date()), ...change }
}

async function acquire(store: MemoryStore, options: Partial<SharedLeaseOptions> = {}): Promise<SharedLease> {
  const lease = await acquireSharedLease({ store, holder: holder(), signal, ...options })
  if (lease === undefined) throw new Error('there is no place for a lease')
  return lease
}

test('where nothing can be kept yet, there is no lease', async () => {
  const store = memoryStore()
  store.isThere = false
  expect(await acquireSharedLease({ store, holder: holder(), signal })).toBeUndefined()
  expect(await readSharedLease(store, signal)).toBeUndefined()
})

test('a second machine is told who holds it, where it lies and how to remove it', async () => {
  const store = memoryStore()
  const first = holder()
  await acquire(store, { holder: first })
  const refused = await acquire(store, { holder: holder(elsewhere), here: elsewhere }).catch(
    (error: unknown) => error,
  )
  expect(refused).toMatchObject({
    code: 'MLP5220',
    exitCode: 6,
    message: expect.stringContaining(`${first.user} on ${first.host} (process ${process.pid}`),
    detail: expect.stringContaining('memory://test/mlp/lease.json'),
    remedy: expect.arrayContaining([expect.stringContaining(`mlp unlock ${first.id}`)]),
  })
})

test('released, it is free; the fencing number exceeds every one that was seen before', async () => {
  const store = memoryStore()
  const fences: number[] = []
  for (const above of [0, 0, 7, 3]) {
    const lease = await acquire(store, { above })
    fences.push(lease.fence)
    expect(lease.notice).toBeUndefined()
    await lease.release(signal)
    expect(await readSharedLease(store, signal)).toBeUndefined()
  }
  expect(fences).toEqual([1, 2, 8, 9])
})

describe('a holder that is gone', () => {
  const gone = { processStartedAt: 'another time' }
  test.each<[string, Partial<LeaseHolder>]>([
    ['it ran on another host', { ...gone, host: 'machine-b' }],
    ['it ran on a machine of the same name', { ...gone, machine: 'another boot' }],
    ['nobody knows on which machine', { ...gone, machine: '' }],
    ['it lives', {}],
    ['it was not heard of for a year', { ...gone, host: 'machine-b', renewedAt: '2025-01-01T00:00:00.000Z' }],
  ])('never taken over: %s', async (_, change) => {
    const store = memoryStore()
    await acquire(store, { holder: holder(change) })
    await expect(acquire(store)).rejects.toMatchObject({ code: 'MLP5220' })
  })

  test('taken over, and said so: its process is gone from this machine', async () => {
    const store = memoryStore()
    await acquire(store, { holder: holder(gone) })
    const lease = await acquire(store)
    expect(lease.notice).toMatch(/took over the lock of .* which is no longer running/)
    expect(lease.fence).toBe(2)
  })

  test('taken over, and not said again: this host’s own lock proved it dead', async () => {
    const store = memoryStore()
    await acquire(store, { holder: holder({ id: 'dead', machine: 'the boot before' }) })
    const lease = await acquire(store, { knownDead: 'dead' })
    expect(lease.notice).toBeUndefined()
    expect(lease.fence).toBe(2)
  })
})

describe('mlp unlock', () => {
  test('ends the lease, whose holder then begins nothing more, and takes nothing from the next', async () => {
    const store = memoryStore()
    const mine = holder()
    const first = await acquire(store, { holder: mine })
    expect((await breakSharedLease(store, mine.id, holder(), signal))?.id).toBe(mine.id)
    await expect(first.working('1.aws.net')).rejects.toMatchObject({ code: 'MLP5221', exitCode: 6 })
    const next = holder(elsewhere)
    const second = await acquire(store, { holder: next })
    await expect(first.working('1.aws.net')).rejects.toMatchObject({
      detail: expect.stringContaining('Since then: grace on machine-b'),
    })
    await first.release(signal)
    await second.working('1.aws.net')
    expect((await readSharedLease(store, signal))?.id).toBe(next.id)
  })

  test('an old or wrong id ends nothing', async () => {
    const store = memoryStore()
    expect(await breakSharedLease(store, 'old', holder(), signal)).toBeUndefined()
    const lease = await acquire(store)
    expect(await breakSharedLease(store, 'old', holder(), signal)).toBeUndefined()
    await lease.working('1.aws.net')
    await lease.release(signal)
    expect(await breakSharedLease(store, 'old', holder(), signal)).toBeUndefined()
  })

  test('a holder that renews it meanwhile is unlocked all the same', async () => {
    let renewals = 3
    const store: MemoryStore = memoryStore({
      before(what) {
        if (what !== 'write' || renewals-- <= 0) return
        store.put('lease.json', store.texts.get('lease.json') ?? '')
      },
    })
    const mine = holder()
    store.put('lease.json', JSON.stringify({ schemaVersion: 1, fence: 1, holder: mine }))
    expect((await breakSharedLease(store, mine.id, holder(), signal))?.id).toBe(mine.id)
    expect(await readSharedLease(store, signal)).toBeUndefined()
  })
})

test('a lease that was removed by hand is lost', async () => {
  const store = memoryStore()
  const lease = await acquire(store)
  store.isThere = false
  await expect(lease.working('1.aws.net')).rejects.toMatchObject({ code: 'MLP5221' })
})

test('a store that cannot be asked stops the next step, and only that', async () => {
  let isReachable = true
  const store = memoryStore({
    before() {
      if (!isReachable)
        throw new MlpError({ code: 'MLP3002', summary: 'AWS cannot be reached', remedy: ['wait'] })
    },
  })
  const lease = await acquire(store)
  isReachable = false
  await expect(lease.working('1.aws.net')).rejects.toMatchObject({ code: 'MLP3002' })
  await expect(lease.release(signal)).rejects.toMatchObject({ code: 'MLP3002' })
  isReachable = true
  await lease.working('1.aws.net')
})

/** A store that counts how often it is read. */
function countingStore() {
  const counted = { reads: 0 }
  const store = memoryStore({
    before(what) {
      if (what === 'read') counted.reads += 1
    },
  })
  return { store, counted }
}

test('before a step that only asks, what was seen a moment ago will do', async () => {
  const { store, counted } = countingStore()
  vi.useFakeTimers()
  try {
    const lease = await acquire(store)
    counted.reads = 0
    await lease.asking('1.aws.a')
    expect(counted.reads).toBe(0)
    await vi.advanceTimersByTimeAsync(4_000)
    expect((await readSharedLease(store, signal))?.step, 'named a little later').toBe('1.aws.a')
    await vi.advanceTimersByTimeAsync(6_000)
    counted.reads = 0
    await lease.asking('1.aws.b')
    expect(counted.reads).toBe(1)
    await lease.asking('1.aws.c')
    expect(counted.reads).toBe(1)
    await lease.working('1.aws.c')
    expect(counted.reads, 'what changes the world is never begun on what was seen before').toBe(2)
  } finally {
    vi.useRealTimers()
  }
})

test('it is renewed and names the step at work; steps that begin together are told by one answer', async () => {
  const { store, counted } = countingStore()
  vi.useFakeTimers()
  try {
    const lease = await acquire(store)
    counted.reads = 0
    await Promise.all(['1.aws.a', '1.gcp.b', '1.azure.c'].map(step => lease.working(step)))
    expect(counted.reads).toBe(1)
    await vi.advanceTimersByTimeAsync(2_000)
    const named = await readSharedLease(store, signal)
    expect(named?.step).toBe('1.azure.c')
    await vi.advanceTimersByTimeAsync(120_000)
    expect((await readSharedLease(store, signal))?.renewedAt).not.toBe(named?.renewedAt)
    const writes = store.written.length
    expect(writes, 'calm: one when it was taken, one for the steps, one a minute').toBeLessThanOrEqual(4)
    await lease.release(signal)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(store.written.length).toBe(writes + 1)
  } finally {
    vi.useRealTimers()
  }
})

test('writes that never go through end, and say so', async () => {
  let isBusy = false
  const store: MemoryStore = memoryStore({
    before(what, name) {
      if (isBusy && what === 'write') store.put(name, store.texts.get(name) ?? '')
    },
  })
  const lease = await acquire(store)
  isBusy = true
  await expect(lease.release(signal)).rejects.toMatchObject({ code: 'MLP5227' })
})

test('one that always changes hands is given up', async () => {
  const store: MemoryStore = memoryStore({
    before(what, name) {
      if (what === 'write') store.put(name, textOf(holder({ released: true })))
    },
  })
  await expect(acquire(store)).rejects.toMatchObject({ code: 'MLP5220', exitCode: 6 })
})

test.each(['{', '{"schemaVersion":2}'])(
  'one that cannot be understood (%s) is told with its place',
  async text => {
    const store = memoryStore()
    store.put('lease.json', text)
    await expect(acquire(store)).rejects.toMatchObject({
      code: 'MLP5223',
      message: expect.stringContaining('memory://test/mlp/lease.json'),
    })
  },
)

test('whatever the order of requests, and whichever answers are lost: never two at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      async (scheduler, losses) => {
        const lost = [...losses]
        const store = memoryStore({
          before: (what, name) => scheduler.schedule(Promise.resolve(), `${what} ${name}`),
          async after(what) {
            await scheduler.schedule(Promise.resolve(), 'answer')
            return what === 'write' && lost.pop() === true ? 'lost' : undefined
          },
        })
        const holding: string[] = []
        const fences: number[] = []
        const contend = async (host: string): Promise<void> => {
          const mine = { ...here, host, machine: host }
          for (let round = 0; round < 2; round++) {
            const lease = await acquire(store, { holder: holder(mine), here: mine }).catch(
              (error: unknown) => {
                if (error instanceof MlpError && error.code === 'MLP5220') return undefined
                throw error
              },
            )
            if (lease === undefined) continue
            holding.push(host)
            expect(holding).toEqual([host])
            expect(lease.fence).toBeGreaterThan(fences.at(-1) ?? 0)
            fences.push(lease.fence)
            await lease.working('1.aws.net')
            holding.pop()
            await lease.release(signal)
          }
        }
        const all = Promise.all(['a', 'b', 'c'].map(contend))
        await scheduler.waitFor(all)
        expect(fences.length).toBeGreaterThan(0)
      },
    ),
    { numRuns: 300 },
  )
}, 60_000)

function textOf(held: LeaseHolder): string {
  return JSON.stringify({ schemaVersion: 1, fence: 1, holder: held })
}
