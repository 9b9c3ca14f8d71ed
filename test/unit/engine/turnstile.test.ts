import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTurnstile } from '../../../src/engine/turnstile.ts'

test('who is alone waits for those at work, and holds up those that come', async () => {
  const turnstile = createTurnstile()
  const seen: string[] = []
  await turnstile.enter('6.all.pipeline')
  await turnstile.enter('8.aws.roles')
  const alone = turnstile.alone(async () => {
    seen.push('alone')
    await setImmediate()
    seen.push('not alone any more')
  })
  const late = turnstile.enter('8.aws.quotas').then(() => seen.push('the late one'))
  await setImmediate()
  expect(seen).toEqual([])
  // It was asked about, and is applied now: that is one piece of work.
  await turnstile.enter('8.aws.roles')
  turnstile.leave('8.aws.roles')
  await Promise.all([alone, late])
  expect(seen).toEqual(['alone', 'not alone any more', 'the late one'])
})

test('work that fails lets the others through', async () => {
  const turnstile = createTurnstile()
  await turnstile.enter('6.all.pipeline')
  await expect(turnstile.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await turnstile.enter('8.aws.quotas')
})
