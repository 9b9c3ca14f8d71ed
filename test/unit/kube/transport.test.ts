import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pauseMs } from '../../../src/kube/transport.ts'

test('a pause is never shorter than the server asks (up to ten seconds) and never longer than that or three', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: undefined }),
      (attempt, retryAfterMs) => {
        const pause = pauseMs(attempt, retryAfterMs)
        const asked = Math.min(retryAfterMs ?? 0, 10_000)
        expect(pause).toBeGreaterThanOrEqual(asked)
        expect(pause).toBeGreaterThanOrEqual(100)
        expect(pause).toBeLessThanOrEqual(Math.max(asked, 3_000))
      },
    ),
  )
})
