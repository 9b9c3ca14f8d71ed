import { describe, expect, test } from 'vitest'
import {
  alertOf,
  budgetFinding,
  budgetOf,
  otherCurrency,
  type SeenBudget,
} from '../../../src/clouds/budget.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'

const base = defaultSandboxConfig('dev')
const wanted = { amount: 100, currency: 'USD', notify: ['a@example.com'] }
const seen: SeenBudget = {
  name: 'b',
  amount: 100,
  currency: 'USD',
  alerts: ['50 % spent', '80 % spent', '100 % spent', '100 % forecast'],
  isOurs: true,
  told: ['a@example.com'],
}
const judge = (change: Partial<SeenBudget>) =>
  budgetFinding('aws', wanted, {
    obstacle: async () => undefined,
    seen: async () => ({ ...seen, ...change }),
  })

describe('what a cloud is told to watch', () => {
  test('is an equal part of the sum, in whole cents, never more than it', () => {
    const config = { ...base, budget: { amount: 1000, currency: 'USD' } }
    expect(budgetOf(config)?.amount).toBe(333.33)
    expect(budgetOf({ ...config, clouds: { aws: base.clouds.aws } })?.amount).toBe(1000)
    expect(budgetOf(base)).toBeUndefined()
  })

  test('reaches whom mlp.yaml names, or its owner where that is an address', () => {
    const config = { ...base, budget: { amount: 1000, currency: 'USD' } }
    expect(budgetOf(config)?.notify).toEqual([])
    expect(budgetOf({ ...config, owner: 'ml@example.com' })?.notify).toEqual(['ml@example.com'])
    const named = {
      ...config,
      owner: 'ml@example.com',
      budget: { ...config.budget, notify: ['b@example.com'] },
    }
    expect(budgetOf(named)?.notify).toEqual(['b@example.com'])
  })

  test('is never converted', () => {
    expect(otherCurrency('AWS', 'USD', wanted)).toBeUndefined()
    expect(otherCurrency('AWS', 'USD', { ...wanted, currency: 'EUR' })?.detail).toContain(
      'no rate of exchange',
    )
  })
})

describe('what is said of a budget', () => {
  test.each<readonly [string, Partial<SeenBudget>, string, RegExp]>([
    ['as wanted', {}, 'pass', /^budget b: 100 USD a month, .*, to a@example.com$/],
    ['of a cloud that tells no currency', { currency: undefined }, 'pass', /100 USD/],
    ['of another sum', { amount: 90 }, 'fail', /its sum is 90, not 100/],
    ['in another currency', { currency: 'EUR' }, 'fail', /in EUR, not in USD/],
    ['that counts more', { isOurs: false }, 'fail', /does not count just this platform/],
    [
      'without an alert',
      { alerts: ['50 % spent', '80 % spent', '100 % spent'] },
      'fail',
      /no alert at 100 % forecast/,
    ],
    ['that tells nobody', { told: [], alerts: [] }, 'warn', /nobody is told/],
  ])('%s', async (_what, change, status, detail) => {
    expect(await judge(change)).toMatchObject({ status, detail: expect.stringMatching(detail) })
  })

  test('alerts are told apart by per cent and kind', () => {
    expect(alertOf(80, false)).toBe('80 % spent')
    expect(alertOf(100, true)).toBe('100 % forecast')
    expect(alertOf(80, true)).toBeUndefined()
  })
})
