import type { Config } from '../config/schema.ts'
import type { Finding } from '../engine/check.ts'
import type { JsonObject } from '../engine/json.ts'
import type { CloudName } from './cloud.ts'

/** What one cloud is told to watch, in a month. */
export interface Budget {
  readonly amount: number
  readonly currency: string
  /** E-mail addresses. */
  readonly notify: readonly string[]
}

/** When a budget tells somebody, in per cent of it; the last one before it happens. The templates say the same. */
const budgetAlerts = ['50 % spent', '80 % spent', '100 % spent', '100 % forecast'] as const
type BudgetAlert = (typeof budgetAlerts)[number]

/** A budget as a cloud's own API tells it. */
export interface SeenBudget {
  readonly name: string
  readonly amount: number
  /** Undefined where the cloud does not say. */
  readonly currency: string | undefined
  readonly alerts: readonly BudgetAlert[]
  /** Whether it counts this platform and nothing else. */
  readonly isOurs: boolean
  /** Whom its alerts reach; nobody where it is empty. */
  readonly told: readonly string[]
}

/** mlp.yaml has one sum for all clouds; each cloud knows only its own bill and so watches its part of it. */
export function budgetOf(config: Pick<Config, 'budget' | 'clouds' | 'owner'>): Budget | undefined {
  const { budget, clouds, owner } = config
  if (budget === undefined) return undefined
  const count = Object.values(clouds).filter(cloud => cloud !== undefined).length
  return {
    amount: Math.floor((budget.amount / Math.max(count, 1)) * 100) / 100,
    currency: budget.currency,
    notify: budget.notify ?? (/^\S+@\S+\.\S+$/.test(owner) ? [owner] : []),
  }
}

/** Of the root's variable `budget`. */
export function budgetVariable(budget: Budget | undefined, name: string): JsonObject | null {
  return budget === undefined ? null : { name, ...budget, notify: [...budget.notify] }
}

/** What is to be known of alerts: actual and forecast, in per cent. */
export function alertOf(percent: number, isForecast: boolean): BudgetAlert | undefined {
  const name = `${percent} % ${isForecast ? 'forecast' : 'spent'}`
  return budgetAlerts.find(each => each === name)
}

const noBudget: Finding = {
  status: 'warn',
  detail: 'mlp.yaml has no `budget`: no cloud tells anybody that the platform costs more than it should',
  remedy: ['Add to mlp.yaml, for example: budget: { amount: 1500, notify: [platform@example.com] }'],
}

/** Judges what the cloud tells. `obstacle`: why there can be none, with what to do about it. */
export async function budgetFinding(
  cloud: CloudName,
  wanted: Budget | undefined,
  ask: {
    readonly obstacle: () => Promise<Obstacle | undefined>
    readonly seen: () => Promise<SeenBudget | undefined>
    /** What keeps a budget that stands from counting. */
    readonly blind?: () => Promise<Obstacle | undefined>
  },
): Promise<Finding> {
  if (wanted === undefined) return noBudget
  const obstacle = await ask.obstacle()
  if (obstacle !== undefined) return { status: 'warn', ...obstacle }
  const seen = await ask.seen()
  const again = [`mlp phase 1 --cloud ${cloud}`]
  if (seen === undefined)
    return { status: 'fail', detail: 'there is no budget for this platform', remedy: again }
  const problems = problemsOf(wanted, seen)
  if (problems.length > 0)
    return { status: 'fail', detail: `budget ${seen.name}: ${problems.join('; ')}`, remedy: again }
  const says = `budget ${seen.name}: ${seen.amount} ${seen.currency ?? wanted.currency} a month, ${budgetAlerts.join(', ')}`
  if (seen.told.length === 0)
    return {
      status: 'warn',
      detail: `${says}; nobody is told`,
      remedy: ['Name who is told in mlp.yaml: budget.notify: [platform@example.com]; then run phase 1.'],
    }
  const blind = await ask.blind?.()
  return blind === undefined
    ? { status: 'pass', detail: `${says}, to ${seen.told.join(', ')}` }
    : { status: 'warn', ...blind }
}

export interface Obstacle {
  readonly detail: string
  readonly remedy: readonly string[]
}

function problemsOf(wanted: Budget, seen: SeenBudget): readonly string[] {
  const missing = seen.told.length === 0 ? [] : budgetAlerts.filter(alert => !seen.alerts.includes(alert))
  return [
    ...(Math.abs(seen.amount - wanted.amount) < 0.005
      ? []
      : [`its sum is ${seen.amount}, not ${wanted.amount}`]),
    ...(seen.currency === undefined || seen.currency === wanted.currency
      ? []
      : [`its sum is in ${seen.currency}, not in ${wanted.currency}`]),
    ...(seen.isOurs ? [] : ['it does not count just this platform']),
    ...(missing.length === 0 ? [] : [`no alert at ${missing.join(', ')}`]),
  ]
}

/** mlp knows no rates of exchange. */
export function otherCurrency(title: string, theirs: string, wanted: Budget): Obstacle | undefined {
  if (wanted.currency === theirs) return undefined
  return {
    detail: `${title} counts in ${theirs}, the budget of mlp.yaml is in ${wanted.currency}, and mlp knows no rate of exchange: no budget is made there`,
    remedy: [`Write the budget of mlp.yaml in ${theirs}, or make this cloud’s budget by hand.`],
  }
}
