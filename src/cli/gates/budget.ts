import type { Gate } from '../../engine/gates.ts'
import type { Context } from '../../phases/phase.ts'

/** Says that no price is known: mlp asks no price list yet, and a figure that nobody asked for would be invented. */
export const budgetGate: Gate<Context> = {
  id: 'budget',
  cloud: 'all',
  async ask({ config: { budget }, target }) {
    if (target.name === 'sandbox') return { outcome: 'passed', detail: 'the sandbox costs nothing' }
    if (budget === undefined) return { outcome: 'passed', detail: 'cost not known, and no budget is set' }
    const limit = `${budget.amount} ${budget.currency} a month`
    return { outcome: 'warned', detail: `cost not known: the budget of ${limit} in mlp.yaml is not checked` }
  },
}
