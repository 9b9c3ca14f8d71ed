import type { CloudName } from '../../clouds/cloud.ts'
import type { CostLine } from '../../clouds/cost-line.ts'
import type { PlanDocument } from '../contract.ts'
import {
  type CloudCosts,
  decimal,
  judgeBudget,
  type Monthly,
  mostOf,
  showCost,
  showMoney,
  sumOf,
  unknownOf,
} from '../costs.ts'
import type { PlanCosts } from '../plan-costs.ts'
import { marks, type Palette } from './palette.ts'
import { cut, wrap } from './text.ts'

interface Options {
  readonly columns: number
  readonly palette: Palette
}

/** A table a cloud: what, how many, monthly; then what is in no sum, and why. */
export function costTables(
  costs: readonly CloudCosts[],
  prices: PlanCosts['prices'],
  options: Options,
): readonly string[] {
  const { palette: colours } = options
  const title = prices === 'real' ? 'cost a month' : 'cost a month, by simulated prices; nothing is billed'
  return [colours.strong(title), ...costs.flatMap(each => cloudTable(each, options))]
}

function cloudTable(costs: CloudCosts, { columns, palette: colours }: Options): readonly string[] {
  const heading = `  ${costs.title}, ${costs.region}`
  if (costs.state === 'unread')
    return [
      heading,
      ...wrap(`${marks.warn} not known: prices could not be read: ${costs.why}`, columns, '    ').map(
        colours.warn,
      ),
    ]
  const rows = costs.lines.flatMap(line =>
    line.cost.kind === 'monthly' ? [{ line, money: twoDigits(line.cost) }] : [],
  )
  const sums = sumOf([costs]).map(twoDigits)
  const whatWidth = Math.max(...rows.map(({ line }) => line.what.length), 0)
  const amountWidth = Math.max(...rows.map(({ line }) => line.amount.length), 0)
  const moneyWidth = Math.max(...[...rows.map(({ money }) => money), ...sums].map(text => text.length), 0)
  const row = (what: string, amount: string, money: string) =>
    cut(
      `    ${what.padEnd(whatWidth)}  ${amount.padStart(amountWidth)}  ${money.padStart(moneyWidth)}`,
      columns,
    )
  return [
    colours.quiet(cut(`${heading}: ${sourcesOf(costs.lines)}`, columns)),
    ...rows.map(({ line, money }) => row(line.what, line.amount, money)),
    ...sums.map(sum => colours.strong(row('together', '', sum))),
    ...(costs.isOverridden ? overridden(costs).flatMap(text => wrap(text, columns, '    ')) : []).map(
      colours.warn,
    ),
    ...unpriced(costs.lines).flatMap(text => wrap(text, columns, '    ').map(colours.warn)),
    ...byUse(costs.lines).flatMap(text => wrap(text, columns, '    ').map(colours.quiet)),
  ]
}

function twoDigits({ amount, currency }: Monthly): string {
  return `${decimal(amount, 2)} ${currency}`
}

/** `AWS Price List, last changed 2026-08-21` */
function sourcesOf(lines: readonly CostLine[]): string {
  const priced = lines.flatMap(({ cost }) => (cost.kind === 'monthly' ? [cost] : []))
  const bySource = [...Map.groupBy(priced, ({ source }) => source)].map(([source, list]) => {
    const newest = list
      .map(({ since }) => since)
      .sort()
      .at(-1)
    return newest === undefined || newest === '' ? source : `${source}, last changed ${newest}`
  })
  return bySource.length === 0 ? 'no price is known' : bySource.join('; ')
}

function overridden({ cloud }: CloudCosts): readonly string[] {
  return [
    `${marks.warn} these are the prices of mlp's own templates: overrides/terraform/${cloud} may change them`,
  ]
}

function unpriced(lines: readonly CostLine[]): readonly string[] {
  return lines.flatMap(({ what, amount, cost }) =>
    cost.kind === 'unknown' ? [`${marks.warn} not in the sum: ${what} (${amount}): ${cost.why}`] : [],
  )
}

function byUse(lines: readonly CostLine[]): readonly string[] {
  const texts = lines.flatMap(({ what, cost }) => {
    if (cost.kind !== 'by-use') return []
    const rate = cost.rate === null ? '' : `${cost.rate.amount} ${cost.rate.currency} `
    return [`${what}, ${rate}per ${cost.per}`]
  })
  return texts.length === 0 ? [] : [`by use, not in the sum: ${texts.join('; ')}`]
}

const budgetMarks = { within: marks.good, tight: marks.warn, above: marks.bad, unknown: marks.bad }
const budgetColours = { within: 'good', tight: 'warn', above: 'bad', unknown: 'bad' } as const

/** The sum, what of it is new, and the budget beside it; nothing where no price was asked. */
export function costSummary(
  { clouds, added, config: { budget, clouds: all } }: PlanCosts,
  { columns, palette: colours }: Options,
): readonly string[] {
  if (clouds.length === 0) return []
  const part =
    added.length === 0 ? '' : `this plan makes or changes ${added.map(showMoney).join(' and ')} of it`
  const most = mostOf(clouds).map(showMoney).join(' and ')
  const grown = most === '' ? '' : `; ${most} a month with every node that its pools may have`
  const sum = [`${showCost(sumOf(clouds))}${grown}`, ...(part === '' ? [] : [part])].flatMap(text =>
    wrap(text, columns).map(colours.strong),
  )
  if (budget === undefined) return sum
  const { kind, detail } = judgeBudget(clouds, budget, all)
  const verdict = wrap(`${budgetMarks[kind]} ${detail}`, columns)
  return [...sum, ...verdict.map(colours[budgetColours[kind]])]
}

/** The same for other programs. */
export function costJson({ clouds, added, config, prices }: PlanCosts): PlanDocument['cost'] {
  const { budget } = config
  const verdict =
    budget === undefined || clouds.length === 0 ? undefined : judgeBudget(clouds, budget, config.clouds)
  return {
    monthly: [...sumOf(clouds)],
    most: [...mostOf(clouds)],
    added: [...added],
    simulated: prices === 'simulated',
    overridden: clouds.filter(({ isOverridden }) => isOverridden).map(({ cloud }) => cloud),
    unknown: [...unknownOf(clouds)],
    lines: clouds.flatMap(each =>
      each.state === 'unread' ? [] : each.lines.map(line => lineJson(each.cloud, line)),
    ),
    budget:
      budget === undefined || verdict === undefined
        ? null
        : {
            amount: budget.amount,
            currency: budget.currency,
            verdict: verdict.kind,
            detail: verdict.detail,
          },
  }
}

function lineJson(
  cloud: CloudName,
  { address: resource, what, amount, cost }: CostLine,
): PlanDocument['cost']['lines'][number] {
  return {
    ...{ cloud, resource, what, amount },
    monthly: cost.kind === 'monthly' ? { amount: cost.amount, currency: cost.currency } : null,
    byUse: cost.kind === 'by-use' ? { rate: cost.rate, per: cost.per } : null,
    unknown: cost.kind === 'unknown' ? cost.why : null,
  }
}
