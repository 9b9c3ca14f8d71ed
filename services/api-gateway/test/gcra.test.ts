import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RateDecision, type RateLimit, takeOne } from '../src/rate-limit/gcra.ts'

/** Asks at the given times, in milliseconds. */
function ask(limit: RateLimit, times: readonly number[]): RateDecision[] {
  let fullAtMs: number | undefined
  return times.map(nowMs => {
    const taken = takeOne(limit, fullAtMs, nowMs)
    fullAtMs = taken.fullAtMs
    return taken.decision
  })
}

test('a burst at once, then one for each interval', () => {
  const limit = { requestsPerSecond: 10, burst: 3 }
  const decisions = ask(limit, [0, 0, 0, 0, 50, 100, 100, 1000, 1000, 1000, 1000])
  expect(decisions.map(({ allowed }) => allowed)).toEqual([
    true,
    true,
    true,
    false,
    false,
    true,
    false,
    true,
    true,
    true,
    false,
  ])
  expect(decisions.slice(0, 4).map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0])
  expect(decisions[3]?.retryAfterMs).toBeCloseTo(100)
  expect(decisions[4]?.retryAfterMs).toBeCloseTo(50)
})

const limits = fc.record({
  requestsPerSecond: fc.double({ min: 0.1, max: 5000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
})
const gaps = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { minLength: 1, maxLength: 100 })

test('never more than the burst and the rate allow, in any stretch of time', () => {
  fc.assert(
    fc.property(limits, gaps, fc.constantFrom(0, 1.8e12), (limit, waits, startMs) => {
      let atMs = startMs
      const times = waits.map(wait => (atMs += wait))
      const allowed = times.filter((_, index) => ask(limit, times)[index]?.allowed === true)
      for (const [from, first] of allowed.entries()) {
        for (const [to, last] of allowed.entries()) {
          if (to < from) continue
          const mostAllowed = limit.burst + ((last - first) * limit.requestsPerSecond) / 1000
          expect(to - from + 1).toBeLessThanOrEqual(mostAllowed + 0.1)
        }
      }
    }),
    { numRuns: 30 },
  )
})

test('who waits as long as told is allowed', () => {
  fc.assert(
    fc.property(limits, fc.integer({ min: 1, max: 60 }), (limit, requests) => {
      let nowMs = 1.8e12
      let fullAtMs: number | undefined
      for (let index = 0; index < requests; index += 1) {
        const taken = takeOne(limit, fullAtMs, nowMs)
        fullAtMs = taken.fullAtMs
        if (taken.decision.allowed) continue
        nowMs += taken.decision.retryAfterMs
        const again = takeOne(limit, fullAtMs, nowMs)
        expect(again.decision.allowed).toBe(true)
        fullAtMs = again.fullAtMs
      }
    }),
  )
})
