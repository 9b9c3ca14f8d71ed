import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { createConsent } from '../../../src/cli/consent.ts'
import type { CloudCosts } from '../../../src/cli/costs.ts'
import { judgeBudget, showCost } from '../../../src/cli/costs.ts'
import { budgetGate } from '../../../src/cli/gates/budget.ts'
import { consentOptions } from '../../../src/cli/options.ts'
import { addedBy, withCosts } from '../../../src/cli/plan-costs.ts'
import { costJson, costSummary, costTables } from '../../../src/cli/views/cost-report.ts'
import { palette } from '../../../src/cli/views/palette.ts'
import type { Cloud } from '../../../src/clouds/cloud.ts'
import type { CostLine } from '../../../src/clouds/cost-line.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import type { Config } from '../../../src/config/schema.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import type { EventBody } from '../../../src/engine/events.ts'
import type { PlannedAction } from '../../../src/engine/step.ts'
import type { Context } from '../../../src/phases/phase.ts'
import { quietIo } from './harness.ts'

const usd = (amount: number, most = amount, currency = 'USD'): CostLine['cost'] => ({
  ...{ kind: 'monthly', amount, most, currency, source: 'a list', since: '2026-08-21' },
})
const line = (what: string, cost: CostLine['cost'], changes: Partial<CostLine> = {}): CostLine => ({
  ...{ root: 'foundation', address: `aws_${what}.main`, instances: 1, what, amount: '1', cost },
  ...changes,
})
const missing: CostLine['cost'] = { kind: 'unknown', why: 'the price list does not name it' }
const perGb: CostLine['cost'] = {
  kind: 'by-use',
  rate: { amount: 0.023, currency: 'USD' },
  per: 'GB a month',
}
const read = (...lines: readonly CostLine[]): CloudCosts => ({
  ...{ cloud: 'aws', title: 'AWS', region: 'us-east-1', isOverridden: false, state: 'read', lines },
})
const unread: CloudCosts = {
  ...{ cloud: 'gcp', title: 'Google Cloud', region: 'us-central1', isOverridden: false },
  ...{ state: 'unread', why: 'no answer' },
}
const budget = { amount: 500, currency: 'USD' }
const { aws, gcp } = defaultSandboxConfig('dev').clouds
const named = { aws }

describe('a budget', () => {
  test.each([
    [
      'is kept',
      [read(line('db', usd(300)))],
      'within',
      /^about 300 USD a month.*within the budget of 500 USD/,
    ],
    ['is kept to the cent', [read(line('db', usd(500)))], 'within', /within/],
    [
      'may be outgrown',
      [read(line('nodes', usd(100, 900)))],
      'tight',
      /every node that the pools may have, 900 USD$/,
    ],
    [
      'is too small',
      [read(line('db', usd(500.01)))],
      'above',
      /above the budget of 500 USD a month in mlp.yaml$/,
    ],
    ['is too small for what is known', [read(line('db', usd(501))), unread], 'above', /^about 501 USD/],
    [
      'hangs on a cloud that did not answer',
      [read(line('db', usd(1))), unread],
      'unknown',
      /Google Cloud: prices could not be read: no answer/,
    ],
    [
      'hangs on what has no price',
      [read(line('gpu', missing), line('db', usd(1)))],
      'unknown',
      /AWS: gpu: the price list does not name it/,
    ],
    [
      'cannot be compared',
      [read(line('db', usd(1, 1, 'EUR')))],
      'unknown',
      /is in USD, prices are in EUR, and mlp knows no rate of exchange$/,
    ],
    ['has nothing to do with use', [read(line('s3', perGb))], 'within', /^no known cost, within/],
  ] as const)('%s', (_name, costs, kind, detail) => {
    expect(judgeBudget(costs, budget, named)).toEqual({ kind, detail: expect.stringMatching(detail) })
  })

  test.each([
    [[{ amount: 1240.4, currency: 'USD' }], 'about 1,240 USD a month while it runs, 41 USD a day'],
    [[{ amount: 3.65, currency: 'USD' }], 'about 3.65 USD a month while it runs, 0.12 USD a day'],
    [[], 'no known cost'],
  ])('sums are round, small change is not: %j', (sums, text) => {
    expect(showCost(sums)).toBe(text)
  })
})

describe('the gate', () => {
  interface Case {
    readonly config?: Partial<Config>
    readonly given?: object
    readonly costs?: () => Promise<readonly CostLine[]>
    readonly target?: Context['target']['name']
    readonly isFirst?: boolean
  }
  async function ask({ config = {}, given = {}, costs, target = 'cloud', isFirst = false }: Case) {
    const events: EventBody[] = []
    let written = ''
    const whole = { ...defaultSandboxConfig('dev'), ...config }
    const stderr = new Writable({
      write(chunk, _encoding, done) {
        written += String(chunk)
        done()
      },
    })
    const context = {
      config: whole,
      platformFolder: '/nowhere',
      target: { name: target },
      signal: new AbortController().signal,
      emit: (event: EventBody) => events.push(event),
      consent: createConsent({
        options: consentOptions.parse(given),
        project: whole.project,
        target,
        io: { ...quietIo('/').io, stderr },
      }),
    } as unknown as Context
    const prices = costs ?? (async () => [line('db', usd(300))])
    const cloud = { name: 'aws', title: 'AWS', region: 'us-east-1', prices } as unknown as Cloud
    return { answer: await budgetGate([cloud], isFirst).ask(context), events, written }
  }
  const onlyAws = { clouds: { aws: defaultSandboxConfig('dev').clouds.aws } } as const
  const small = { ...onlyAws, budget: { amount: 100, currency: 'USD' } }
  const large = { ...onlyAws, budget }
  const denied = async (): Promise<never> => {
    throw new MlpError({ code: 'MLP3002', summary: 'AWS cannot be reached', remedy: [] })
  }

  test.each<[string, Case, string, RegExp]>([
    ['no budget', { config: onlyAws }, 'passed', /^about 300 USD a month while it runs, 9.86 USD a day$/],
    ['a budget that is kept', { config: large }, 'passed', /within the budget of 500 USD/],
    ['a budget that is not kept', { config: small }, 'refused', /above the budget of 100 USD/],
    ['the same, with --yes', { config: small, given: { yes: true } }, 'refused', /above the budget/],
    [
      'the same, accepted',
      { config: small, given: { acceptCost: true } },
      'warned',
      /in mlp.yaml: accepted$/,
    ],
    ['no answer and no budget', { config: onlyAws, costs: denied }, 'warned', /AWS cannot be reached/],
    ['no answer and a budget', { config: large, costs: denied }, 'refused', /may not be kept$/],
    [
      'the same, accepted',
      { config: large, costs: denied, given: { acceptCost: true } },
      'warned',
      /accepted$/,
    ],
    ['other clouds left out', { config: { budget } }, 'warned', /; without gcp and azure, left out here$/],
    ['the sandbox', { config: small, target: 'sandbox' }, 'refused', /\(simulated prices\)$/],
  ])('%s', async (_name, given, outcome, detail) => {
    const { answer } = await ask(given)
    expect(answer).toMatchObject({ outcome, detail: expect.stringMatching(detail) })
    if (answer.outcome === 'refused') expect(answer.flag).toBe('--accept-cost')
  })

  test('a bug is no unknown cost', async () => {
    const costs = () => Promise.reject(new TypeError('x'))
    await expect(ask({ costs })).rejects.toThrow(TypeError)
  })

  test('a first run tells the sum, and has nobody to ask without --yes', async () => {
    const told = await ask({ config: onlyAws, isFirst: true, given: { yes: true } })
    expect(told.answer.outcome).toBe('passed')
    expect(told.events).toEqual([
      { type: 'notice', level: 'info', message: 'cost: about 300 USD a month while it runs, 9.86 USD a day' },
    ])
    const { answer } = await ask({ config: onlyAws, isFirst: true })
    expect(answer).toMatchObject({ outcome: 'refused', flag: '--yes' })
  })
})

describe('a plan', () => {
  const action = (subject: string, kind: PlannedAction['action'] = 'create', root = 'foundation') =>
    ({
      ...{ step: `1.aws.apply-${root}`, cloud: 'aws', subject, action: kind, why: 'not there yet' },
      ...{ destroysData: false, seconds: null, monthlyCost: null },
    }) as PlannedAction
  const lines = [
    line('nat', usd(90), { instances: 3 }),
    line('db', usd(50)),
    line('db', usd(2), { what: 'storage of the database' }),
    line('s3', perGb),
    line('gpu', missing),
    line('eks', usd(73), { root: 'cluster' }),
    line('nodes', usd(140, 700), { root: 'cluster', address: 'aws_nodes.main["general"]' }),
  ]
  const costs = [read(...lines)]
  const now = new Date('2026-11-29T12:00:00Z')
  const amountOf = (...given: Parameters<typeof action>) =>
    withCosts([action(...given)], costs, now)[0]?.monthlyCost

  test.each([
    ['one of three', ['aws_nat.main["a"]'], 30],
    ['all that a resource is billed for', ['aws_db.main'], 52],
    ['one instance alone', ['aws_nodes.main["general"]', 'create', 'cluster'], 140],
    ['another instance', ['aws_nodes.main["gpu"]', 'create', 'cluster'], undefined],
    ['a root that is planned later', ['aws-cluster', 'run', 'cluster'], 213],
    ['what is decided by use', ['aws_s3.main'], undefined],
    ['what has no price', ['aws_gpu.main'], undefined],
    ['what has a like name', ['aws_dbx.main'], undefined],
    ['what goes', ['aws_db.main', 'destroy'], undefined],
    ['what changes', ['aws_db.main', 'change'], 52],
  ] as const)('prices %s', (_name, given, amount) => {
    const [subject, kind, root] = given
    expect(amountOf(subject, kind, root)?.amount).toBe(amount)
  })

  test('says whose price it is, and of when', () => {
    expect(amountOf('aws_db.main')).toEqual({
      ...{ amount: 52, currency: 'USD', source: 'a list, 2026-08-21', asOf: '2026-11-29T12:00:00.000Z' },
    })
  })

  test('shows a calm table, what is in no sum, the sum and the budget', () => {
    const actions = [action('aws_nat.main["a"]'), action('aws-cluster', 'run', 'cluster')]
    const plan = {
      ...{
        clouds: [...costs, unread],
        added: addedBy(actions, costs),
        config: { budget, clouds: { aws, gcp } },
        prices: 'simulated' as const,
      },
    }
    const options = { columns: 80, palette: palette(false) }
    expect(costTables(plan.clouds, 'simulated', options)).toEqual([
      'cost a month, by simulated prices; nothing is billed',
      '  AWS, us-east-1: a list, last changed 2026-08-21',
      '    nat                      1   90.00 USD',
      '    db                       1   50.00 USD',
      '    storage of the database  1    2.00 USD',
      '    eks                      1   73.00 USD',
      '    nodes                    1  140.00 USD',
      '    together                    355.00 USD',
      '    ‼ not in the sum: gpu (1): the price list does not name it',
      '    by use, not in the sum: s3, 0.023 USD per GB a month',
      '  Google Cloud, us-central1',
      '    ‼ not known: prices could not be read: no answer',
    ])
    expect(costSummary(plan, options)).toEqual([
      'about 355 USD a month while it runs, 12 USD a day; 915 USD a month with every',
      'node that its pools may have',
      'this plan makes or changes 243 USD of it',
      '× cost not known: AWS: gpu: the price list does not name it (and 1 more), beside',
      'what is known: about 355 USD a month while it runs, 12 USD a day; the budget of',
      '500 USD a month in mlp.yaml may not be kept',
    ])
    expect(costJson(plan)).toMatchObject({
      monthly: [{ amount: 355, currency: 'USD' }],
      added: [{ amount: 243, currency: 'USD' }],
      simulated: true,
      unknown: [expect.stringContaining('gpu'), expect.stringContaining('Google Cloud')],
      budget: { verdict: 'unknown' },
    })
  })

  test('of templates that were changed says so', () => {
    const changed = { ...read(line('db', usd(50))), isOverridden: true }
    const lines = costTables([changed], 'real', { columns: 100, palette: palette(false) })
    expect(lines).toContain(
      "    ‼ these are the prices of mlp's own templates: overrides/terraform/aws may change them",
    )
  })

  test('that has nothing to do asks no price and says nothing of cost', () => {
    const plan = { clouds: [], added: [], config: { budget, clouds: named }, prices: 'real' as const }
    expect(costSummary(plan, { columns: 80, palette: palette(false) })).toEqual([])
    expect(costJson(plan)).toMatchObject({ monthly: [], lines: [], budget: null })
  })
})
