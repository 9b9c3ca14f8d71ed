import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Cloud, CloudName } from '../clouds/cloud.ts'
import type { CostLine } from '../clouds/cost-line.ts'
import { daysAMonth } from '../clouds/costs.ts'
import type { Config } from '../config/schema.ts'
import { MlpError } from '../engine/errors.ts'
import type { Context } from '../phases/phase.ts'

/** Three clouds are asked side by side; the largest list takes a dozen pages. */
const timeoutMs = 60_000

/** What one cloud costs a month, or why that is not known. */
export type CloudCosts = {
  readonly cloud: CloudName
  readonly title: string
  readonly region: string
  /** The operator's own templates may make it another platform than the one that was priced. */
  readonly isOverridden: boolean
} & (
  | { readonly state: 'read'; readonly lines: readonly CostLine[] }
  | { readonly state: 'unread'; readonly why: string }
)

export type Budget = NonNullable<Config['budget']>

/** An amount of money a month. */
export interface Monthly {
  readonly amount: number
  readonly currency: string
}

/** Asks each cloud's price list. Rejects for an interrupt and for a bug only. */
export function readCosts(
  clouds: Iterable<Cloud>,
  { platformFolder, signal }: Pick<Context, 'platformFolder' | 'signal'>,
): Promise<readonly CloudCosts[]> {
  return Promise.all([...clouds].map(cloud => readCloudCosts(cloud, platformFolder, signal)))
}

async function readCloudCosts(
  cloud: Cloud,
  platformFolder: string,
  signal: AbortSignal,
): Promise<CloudCosts> {
  const isOverridden = existsSync(join(platformFolder, 'overrides', 'terraform', cloud.name))
  const named = { cloud: cloud.name, title: cloud.title, region: cloud.region, isOverridden }
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    return { ...named, state: 'read', lines: await cloud.prices(AbortSignal.any([signal, deadline])) }
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted) return { ...named, state: 'unread', why: `no answer within ${timeoutMs / 1000} s` }
    if (error instanceof MlpError) {
      return { ...named, state: 'unread', why: [error.message, error.detail].filter(Boolean).join(': ') }
    }
    throw error
  }
}

/** What is known of all of it, by currency: what is by use, unpriced or unread is in no sum. */
export function sumOf(costs: readonly CloudCosts[]): readonly Monthly[] {
  const amounts = linesOf(costs).flatMap(({ cost }) => (cost.kind === 'monthly' ? [cost] : []))
  return addUp(amounts)
}

/** The same with every node that the pools may have. */
export function mostOf(costs: readonly CloudCosts[]): readonly Monthly[] {
  const amounts = linesOf(costs).flatMap(({ cost }) =>
    cost.kind === 'monthly' ? [{ amount: cost.most, currency: cost.currency }] : [],
  )
  return addUp(amounts)
}

/** One sum a currency. */
export function addUp(amounts: readonly Monthly[]): readonly Monthly[] {
  return [...Map.groupBy(amounts, ({ currency }) => currency)].map(([currency, parts]) => ({
    currency,
    amount: parts.reduce((sum, { amount }) => sum + amount, 0),
  }))
}

/** What is not in the sum although it costs: whole clouds, and single things; each with its reason. */
export function unknownOf(costs: readonly CloudCosts[]): readonly string[] {
  return costs.flatMap(each =>
    each.state === 'unread'
      ? [`${each.title}: prices could not be read: ${each.why}`]
      : each.lines.flatMap(({ what, cost }) =>
          cost.kind === 'unknown' ? [`${each.title}: ${what}: ${cost.why}`] : [],
        ),
  )
}

function linesOf(costs: readonly CloudCosts[]): readonly CostLine[] {
  return costs.flatMap(each => (each.state === 'read' ? each.lines : []))
}

/**
 * `tight`: kept with the fewest nodes, not with all that the pools may have, or not known of the clouds that were left
 * out. `unknown`: nobody can say.
 */
type BudgetVerdict = { readonly kind: 'within' | 'tight' | 'above' | 'unknown'; readonly detail: string }

/**
 * Whether the budget is kept. What is known may be above it already; below it counts only when all is known, in the
 * budget's own currency: mlp guesses no rates of exchange.
 */
export function judgeBudget(
  costs: readonly CloudCosts[],
  budget: Budget,
  clouds: Config['clouds'],
): BudgetVerdict {
  const sums = sumOf(costs)
  const same = sums.find(({ currency }) => currency === budget.currency)?.amount ?? 0
  const limit = `the budget of ${showMoney(budget)} a month in mlp.yaml`
  if (same > budget.amount) return { kind: 'above', detail: `${showCost(sums)}, above ${limit}` }
  const unknown = unknownOf(costs)
  const foreign = sums.filter(({ currency }) => currency !== budget.currency)
  if (foreign.length > 0) {
    const theirs = foreign.map(({ currency }) => currency).join(' and ')
    return {
      kind: 'unknown',
      detail: `${showCost(sums)}: ${limit} is in ${budget.currency}, prices are in ${theirs}, and mlp knows no rate of exchange`,
    }
  }
  if (unknown.length > 0) {
    const [first, ...more] = unknown
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`
    const known = sums.length === 0 ? '' : `, beside what is known: ${showCost(sums)}`
    return { kind: 'unknown', detail: `cost not known: ${first}${others}${known}; ${limit} may not be kept` }
  }
  const [most] = mostOf(costs)
  const grows = most !== undefined && most.amount > budget.amount
  const names: readonly string[] = costs.map(({ cloud }) => cloud)
  const leftOut = Object.keys(clouds).filter(name => !names.includes(name))
  const detail = [
    `${showCost(sums)}, within ${limit}`,
    ...(grows ? [`with every node that the pools may have, ${showMoney(most)}`] : []),
    ...(leftOut.length > 0 ? [`without ${leftOut.join(' and ')}, left out here`] : []),
  ].join('; ')
  return { kind: grows || leftOut.length > 0 ? 'tight' : 'within', detail }
}

/** `about 1,240 USD a month while it runs, 41 USD a day` */
export function showCost(sums: readonly Monthly[]): string {
  if (sums.length === 0) return 'no known cost'
  const months = sums.map(showMoney).join(' and ')
  const days = sums.map(({ amount, currency }) => showMoney({ amount: amount / daysAMonth, currency }))
  return `about ${months} a month while it runs, ${days.join(' and ')} a day`
}

/** Whole units, but for small change: `1,240 USD`, `0.42 USD`. */
export function showMoney({ amount, currency }: Monthly): string {
  const digits = amount < 10 && !Number.isInteger(amount) ? 2 : 0
  return `${decimal(amount, digits)} ${currency}`
}

/** Digits in groups of three, in every locale. */
export function decimal(amount: number, digits: number): string {
  return amount.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
