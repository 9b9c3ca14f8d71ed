import type { Config } from '../../config/schema.ts'
import { type Budget, budgetOf, type Obstacle, otherCurrency } from '../budget.ts'

/** AWS Budgets takes no other, but CNY in China: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create.html */
const currency = 'USD'

export function currencyObstacle(wanted: Budget): Obstacle | undefined {
  return otherCurrency('AWS', currency, wanted)
}

/** What is to be watched here; undefined where AWS cannot. Asks nobody. */
export function awsBudget(config: Config): Budget | undefined {
  const wanted = budgetOf(config)
  return wanted === undefined || currencyObstacle(wanted) !== undefined ? undefined : wanted
}
