import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestRefused } from '../src/errors.ts'
import { type BatcherOptions, createBatcher } from '../src/inference/batcher.ts'
import type { Tensor } from '../src/tensors/datatypes.ts'

/** Rows of `width` numbers that tell whose they are. */
function numbersOf(request: number, rows: number, width: number): Tensor {
  const data = Int32Array.from({ length: rows * width }, (_, index) => request * 10_000 + index)
  return { name: 'x', datatype: 'INT32', shape: [rows, width], data }
}

/** A model for which a row's result is one minus that row, and that says what it was run on. */
function recorder() {
  const runs: number[][] = []
  const run: BatcherOptions['run'] = async inputs => {
    await delay(1)
    const [x] = inputs
    if (!(x?.data instanceof Int32Array)) throw new Error('not what was sent')
    runs.push([...x.shape])
    return [{ ...x, name: 'y', data: x.data.map(element => 1 - element) }]
  }
  return { runs, run }
}

const relaxed = { maxRows: 8, maxDelayMs: 0, maxQueuedRequests: 1000, maxWaitMs: 10_000 }
const never = () => false

test('every request gets the result of its own rows, in batches within the limit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 0, max: 3 }),
      fc.array(fc.record({ rows: fc.integer({ min: 1, max: 12 }), width: fc.integer({ min: 1, max: 2 }) }), {
        minLength: 1,
        maxLength: 25,
      }),
      async (maxRows, maxDelayMs, requests) => {
        const { runs, run } = recorder()
        const batcher = createBatcher({ ...relaxed, maxRows, maxDelayMs, run })
        const results = await Promise.all(
          requests.map(({ rows, width }, index) => batcher.submit([numbersOf(index, rows, width)], never)),
        )
        for (const [index, { rows, width }] of requests.entries()) {
          const sent = numbersOf(index, rows, width)
          expect(results[index]?.[0]?.shape).toEqual(sent.shape)
          expect([...(results[index]?.[0]?.data ?? [])]).toEqual(
            [...sent.data].map(element => 1 - Number(element)),
          )
        }
        const largest = Math.max(...requests.map(({ rows }) => rows))
        for (const [rows = 0] of runs) expect(rows).toBeLessThanOrEqual(Math.max(maxRows, largest))
        expect(runs.reduce((sum, [rows = 0]) => sum + rows, 0)).toBe(
          requests.reduce((sum, { rows }) => sum + rows, 0),
        )
        await batcher.idle()
        expect(batcher.queued()).toBe(0)
      },
    ),
    { numRuns: 50 },
  )
})

test('a full batch does not wait for the deadline, a lone request waits no longer than it', async () => {
  const { runs, run } = recorder()
  // Longer than a test may take.
  const patient = createBatcher({ ...relaxed, maxRows: 2, maxDelayMs: 600_000, run })
  await Promise.all([
    patient.submit([numbersOf(1, 1, 1)], never),
    patient.submit([numbersOf(2, 1, 1)], never),
  ])
  const batcher = createBatcher({ ...relaxed, maxRows: 2, maxDelayMs: 200, run })
  const aloneAt = performance.now()
  await batcher.submit([numbersOf(3, 1, 1)], never)
  expect(performance.now() - aloneAt).toBeGreaterThan(190)
  expect(runs).toEqual([
    [2, 1],
    [1, 1],
  ])
})

test('without batching every request is run alone', async () => {
  const { runs, run } = recorder()
  const batcher = createBatcher({ ...relaxed, maxRows: 1, run })
  await Promise.all([1, 2, 3].map(request => batcher.submit([numbersOf(request, 2, 1)], never)))
  expect(runs).toEqual([
    [2, 1],
    [2, 1],
    [2, 1],
  ])
})

test('only the request that upsets the model fails', async () => {
  const batcher = createBatcher({
    ...relaxed,
    run: async ([x]) => {
      if (x === undefined || [...x.data].includes(20_000)) throw new Error('upset')
      return [x]
    },
  })
  const results = await Promise.allSettled(
    [1, 2, 3].map(request => batcher.submit([numbersOf(request, 1, 1)], never)),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('a model that answers with other rows than it was asked is not cut into parts', async () => {
  const batcher = createBatcher({
    ...relaxed,
    run: async inputs => inputs.map(x => ({ ...x, shape: [1], data: Int32Array.of(x.data.length) })),
  })
  const results = await Promise.all([1, 2].map(request => batcher.submit([numbersOf(request, 1, 3)], never)))
  expect(results.map(([y]) => [...(y?.data ?? [])])).toEqual([[3], [3]])
})

describe('back-pressure', () => {
  /** A model that answers when told to. */
  function held() {
    const hold = Promise.withResolvers<void>()
    const run: BatcherOptions['run'] = async inputs => {
      await hold.promise
      return inputs
    }
    return { release: hold.resolve, run }
  }
  const refusal = async (promise: Promise<unknown>): Promise<unknown> =>
    promise.catch((error: unknown) => error)

  test('a full queue refuses at once and says when to come back', async () => {
    const { release, run } = held()
    const batcher = createBatcher({ ...relaxed, maxRows: 1, maxQueuedRequests: 2, run })
    const running = batcher.submit([numbersOf(0, 1, 1)], never)
    await new Promise(setImmediate)
    const waiting = [1, 2].map(request => batcher.submit([numbersOf(request, 1, 1)], never))
    const error = await refusal(batcher.submit([numbersOf(3, 1, 1)], never))
    expect(error).toBeInstanceOf(RequestRefused)
    expect(error).toMatchObject({ reason: 'overloaded', retryAfterSeconds: expect.any(Number) })
    release()
    await Promise.all([running, ...waiting])
  })

  test('who has waited too long is refused, who has gone is not run', async () => {
    const { release, run } = held()
    let runs = 0
    const batcher = createBatcher({
      ...relaxed,
      maxRows: 1,
      maxWaitMs: 20,
      run: inputs => {
        runs++
        return run(inputs)
      },
    })
    const running = batcher.submit([numbersOf(0, 1, 1)], never)
    await new Promise(setImmediate)
    const late = refusal(batcher.submit([numbersOf(1, 1, 1)], never))
    await delay(40)
    const gone = refusal(batcher.submit([numbersOf(2, 1, 1)], () => true))
    const inTime = batcher.submit([numbersOf(3, 1, 1)], never)
    release()
    expect(await late).toMatchObject({ reason: 'overloaded' })
    expect(await gone).toMatchObject({ reason: 'cancelled' })
    await Promise.all([running, inTime])
    expect(runs).toBe(2)
  })
})
