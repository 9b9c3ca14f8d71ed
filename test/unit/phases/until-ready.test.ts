import { expect, test } from 'vitest'
import { untilReady } from '../../../src/phases/3-applications/ask.ts'

const { signal } = new AbortController()

function service(...statuses: readonly number[]) {
  let asked = 0
  return {
    ask: async () => ({
      status: statuses[Math.min(asked++, statuses.length - 1)] ?? 0,
      text: `answer ${asked}`,
    }),
    asked: () => asked,
  }
}

test('one slow answer of a service is asked again', async () => {
  const { ask, asked } = service(503, 200)
  expect(await untilReady(ask, { signal })).toEqual({ status: 200, text: 'answer 2' })
  expect(asked()).toBe(2)
})

test('a service that is never ready is told by its last answer', async () => {
  const { ask, asked } = service(503)
  expect(await untilReady(ask, { signal, withinMs: 600 })).toMatchObject({ status: 503 })
  expect(asked()).toBeGreaterThan(1)
})

test('what is no "not now" is not asked twice', async () => {
  const { ask, asked } = service(500, 200)
  expect(await untilReady(ask, { signal })).toMatchObject({ status: 500 })
  expect(asked()).toBe(1)
})
