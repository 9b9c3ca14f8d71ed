import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { askAhead } from '../../../src/engine/ahead.ts'
import type { EngineContext, Step } from '../../../src/engine/step.ts'

function context(signal = new AbortController().signal): EngineContext {
  return { signal, emit: vi.fn(), outputs: () => undefined }
}

function step(ahead?: Step<EngineContext>['ahead']): Step<EngineContext> {
  return {
    id: '1.aws.a',
    cloud: 'aws',
    title: 'A',
    needs: [],
    inputs: () => null,
    status: async () => ({ state: 'absent' }),
    apply: async () => ({}),
    ...(ahead === undefined ? {} : { ahead }),
  }
}

const started = { type: 'command-started', id: 'c', command: 'terraform plan' } as const

test('has begun when every tool was started or needed none, and passes on what is told', async () => {
  const order: string[] = []
  const steps = [
    step(),
    step(async () => void order.push('asks nothing')),
    step(async ({ emit, signal }) => {
      await delay(5)
      order.push('starts')
      emit(started)
      await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
      order.push('ended')
    }),
  ]
  const run = context()
  const asking = askAhead(steps, run)
  await asking.begun
  expect(order).toEqual(['asks nothing', 'starts'])
  expect(run.emit).toHaveBeenCalledWith(started)
  await asking.end()
  expect(order, 'what nobody waited for is ended, and waited for').toEqual([
    'asks nothing',
    'starts',
    'ended',
  ])
})

test('an interrupt of the run reaches it', async () => {
  const interrupt = new AbortController()
  let isAborted = false
  const asking = askAhead(
    [
      step(async ({ signal }) => {
        signal.addEventListener('abort', () => {
          isAborted = true
        })
      }),
    ],
    context(interrupt.signal),
  )
  interrupt.abort()
  expect(isAborted).toBe(true)
  await asking.end()
})

test('a tool that is long in coming holds nobody up', async () => {
  const startedAt = performance.now()
  const endless = step(({ signal }) => delay(60_000, undefined, { signal }).catch(() => undefined))
  const asking = askAhead([endless], context())
  await asking.begun
  expect(performance.now() - startedAt).toBeLessThan(30_000)
  await asking.end()
})

test('what is a bug in a step is told at the end', async () => {
  const asking = askAhead([step(() => Promise.reject(new TypeError('a bug')))], context())
  await asking.begun
  await expect(asking.end()).rejects.toThrow('a bug')
})
