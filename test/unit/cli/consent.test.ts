import { describe, expect, test } from 'vitest'
import { createConsent } from '../../../src/cli/consent.ts'
import { consentOptions } from '../../../src/cli/options.ts'
import { quietIo } from './harness.ts'

function consent(given: object, target: 'sandbox' | 'cloud' = 'cloud') {
  return createConsent({
    options: consentOptions.parse(given),
    project: 'fraud-ml',
    target,
    io: quietIo('/').io,
  })
}
const question = (flag: string, safe: boolean) => ({
  id: 'q',
  message: 'Sure?',
  details: ['one'],
  safe,
  flag,
})

describe('flags answer what they are for, and nothing else', () => {
  test.each([
    ['--yes', true, { yes: true }, 'cloud', true],
    ['--yes', true, {}, 'cloud', false],
    ['--confirm <project>', false, { yes: true }, 'cloud', false],
    ['--confirm <project>', false, { yes: true }, 'sandbox', true],
    ['--confirm <project>', false, { confirm: 'fraud-ml' }, 'cloud', true],
    ['--destroy-data', false, { yes: true, confirm: 'fraud-ml' }, 'sandbox', false],
    ['--destroy-data', false, { destroyData: true }, 'cloud', true],
    ['--allow-production', false, { yes: true }, 'sandbox', false],
    ['--allow-production', false, { allowProduction: true }, 'cloud', true],
    ['--adopt', false, { yes: true, confirm: 'fraud-ml' }, 'sandbox', false],
    ['--adopt', false, { adopt: true }, 'cloud', true],
    ['--rollback', false, { yes: true, confirm: 'fraud-ml' }, 'sandbox', false],
    ['--rollback', false, { rollback: true }, 'cloud', true],
    ["--allow-replace 'x'", false, { yes: true, confirm: 'fraud-ml' }, 'sandbox', false],
  ] as const)('%s (safe: %s) with %j on %s: %s', async (flag, safe, given, target, answered) => {
    const answer = consent(given, target).approve(question(flag, safe))
    if (answered) {
      expect(await answer).toBe(true)
      return
    }
    await expect(answer).rejects.toMatchObject({ code: 'MLP5001', exitCode: 5 })
    const [remedy] = await answer.catch(error => error.remedy)
    expect(remedy).toContain(flag.replace('<project>', 'fraud-ml'))
  })

  test('another project’s name is refused at once', () => {
    expect(() => consent({ confirm: 'other' })).toThrow(
      expect.objectContaining({ code: 'MLP5003', exitCode: 5 }),
    )
  })

  test('one refused question does not stop the next', async () => {
    const agreed = consent({ yes: true })
    await expect(agreed.approve(question('--destroy-data', false))).rejects.toThrow()
    await expect(agreed.approve(question('--destroy-data', false))).rejects.toMatchObject({ code: 'MLP5001' })
    expect(await agreed.approve(question('--yes', true))).toBe(true)
  })
})
