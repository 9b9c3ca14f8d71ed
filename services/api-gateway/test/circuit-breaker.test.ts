import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Call, createCircuitBreaker } from '../src/upstream/circuit-breaker.ts'

const options = { failureRatio: 0.5, minimumCalls: 4, windowMs: 1000, openMs: 500 }

function createClock() {
  let nowMs = 0
  return {
    now: () => nowMs,
    advance(ms: number) {
      nowMs += ms
    },
  }
}

function enter(breaker: ReturnType<typeof createCircuitBreaker>): Call {
  const call = breaker.enter()
  if ('waitMs' in call) throw new Error(`refused for ${call.waitMs} ms`)
  return call
}

function openBreaker() {
  const clock = createClock()
  const breaker = createCircuitBreaker(options, clock.now)
  for (let index = 0; index < 4; index += 1) enter(breaker).failed()
  return { clock, breaker }
}

test('opens at the ratio, and not with fewer calls than the minimum', () => {
  const breaker = createCircuitBreaker(options, createClock().now)
  for (let index = 0; index < 3; index += 1) enter(breaker).failed()
  expect(breaker.state).toBe('closed')
  enter(breaker).failed()
  expect(breaker.state).toBe('open')
  expect(breaker.enter()).toEqual({ waitMs: 500 })
})

test('stays closed below the ratio', () => {
  const breaker = createCircuitBreaker(options, createClock().now)
  for (let index = 0; index < 20; index += 1) {
    enter(breaker).succeeded()
    enter(breaker).succeeded()
    enter(breaker).failed()
  }
  expect(breaker.state).toBe('closed')
})

test('failures that are long ago no longer count', () => {
  const clock = createClock()
  const breaker = createCircuitBreaker(options, clock.now)
  for (let index = 0; index < 3; index += 1) enter(breaker).failed()
  clock.advance(1100)
  enter(breaker).failed()
  expect(breaker.state).toBe('closed')
})

test('one call probes, the others are refused meanwhile; success closes', () => {
  const { clock, breaker } = openBreaker()
  clock.advance(500)
  expect(breaker.state).toBe('half-open')
  const probe = enter(breaker)
  expect(breaker.enter()).toHaveProperty('waitMs')
  probe.succeeded()
  expect(breaker.state).toBe('closed')
})

test('a probe that fails opens again', () => {
  const { clock, breaker } = openBreaker()
  clock.advance(500)
  enter(breaker).failed()
  expect(breaker.enter()).toEqual({ waitMs: 500 })
})

test('a probe that was abandoned lets another one probe', () => {
  const { clock, breaker } = openBreaker()
  clock.advance(500)
  enter(breaker).abandoned()
  expect(enter(breaker)).toBeDefined()
})

test('calls that were under way when it opened change nothing', () => {
  const clock = createClock()
  const breaker = createCircuitBreaker(options, clock.now)
  const slow = enter(breaker)
  for (let index = 0; index < 4; index += 1) enter(breaker).failed()
  clock.advance(500)
  const probe = enter(breaker)
  slow.succeeded()
  expect(breaker.enter()).toHaveProperty('waitMs')
  probe.succeeded()
  expect(breaker.state).toBe('closed')
})

test('whatever happens, it can always be entered again after a while, and then never by two while half-open', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 700 }),
    outcome: fc.constantFrom('succeeded', 'failed', 'abandoned'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const clock = createClock()
      const breaker = createCircuitBreaker(options, clock.now)
      for (const { waitMs, outcome } of steps) {
        clock.advance(waitMs)
        const wasHalfOpen = breaker.state === 'half-open'
        const call = breaker.enter()
        if ('waitMs' in call) continue
        if (wasHalfOpen) expect(breaker.enter()).toHaveProperty('waitMs')
        call[outcome]()
      }
      clock.advance(options.openMs)
      expect(breaker.enter()).not.toHaveProperty('waitMs')
    }),
  )
})
