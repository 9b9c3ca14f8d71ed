import type { Cloud } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Gate, GateAnswer } from '../../engine/gates.ts'
import type { ConsentQuestion, Context } from '../../phases/phase.ts'
import { type CloudCosts, judgeBudget, readCosts, showCost, sumOf, unknownOf } from '../costs.ts'
import { costTables } from '../views/cost-report.ts'
import { palette } from '../views/palette.ts'

const flag = '--accept-cost'
const smaller =
  'Choose smaller or fewer nodes, or fewer clouds, in mlp.yaml: `mlp plan` shows what costs what.'

/**
 * What the platform costs a month, before the first thing of it is made. A budget is a promise: what is above it, and
 * what nobody can tell to be within it, is refused unless somebody accepts it. `isFirst`: nothing is there yet, so the
 * sum is shown and asked about.
 */
export function budgetGate(clouds: readonly Cloud[], isFirst: boolean): Gate<Context> {
  return {
    id: 'budget',
    cloud: 'all',
    async ask(context) {
      const costs = await readCosts(clouds, context)
      const answer = await askBudget(costs, context)
      if (answer?.outcome === 'refused' || answer?.agreed === true || !isFirst) {
        return told(answer ?? withoutBudget(costs), context)
      }
      return told(await askToBegin(costs, answer ?? withoutBudget(costs), context), context)
    },
  }
}

type Answer = GateAnswer & { readonly agreed?: true }

/** Undefined where mlp.yaml has no budget. */
async function askBudget(costs: readonly CloudCosts[], context: Context): Promise<Answer | undefined> {
  const { budget, clouds } = context.config
  if (budget === undefined) return undefined
  const { kind, detail } = judgeBudget(costs, budget, clouds)
  if (kind === 'within') return { outcome: 'passed', detail }
  if (kind === 'tight') return { outcome: 'warned', detail }
  const question = {
    id: 'cost',
    message: `${told({ outcome: 'warned', detail }, context).detail}. Go on?`,
    details: table(costs, context),
    safe: false,
    flag,
  }
  if (await agreedTo(question, context))
    return { outcome: 'warned', detail: `${detail}: accepted`, agreed: true }
  const remedy = kind === 'above' ? [smaller, 'Or raise the budget in mlp.yaml.'] : ['mlp plan']
  return { outcome: 'refused', detail, remedy, flag }
}

function withoutBudget(costs: readonly CloudCosts[]): Answer {
  const sum = showCost(sumOf(costs))
  const [first, ...more] = unknownOf(costs)
  if (first === undefined) return { outcome: 'passed', detail: sum }
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  return { outcome: 'warned', detail: `${sum}, but not all is known: ${first}${others}` }
}

/** `--yes` answers this one; on a terminal it stands under the table. */
async function askToBegin(costs: readonly CloudCosts[], answer: Answer, context: Context): Promise<Answer> {
  const question = {
    id: 'begin',
    message: `${told(answer, context).detail}. Build it?`,
    details: table(costs, context),
    safe: true,
    flag: '--yes',
  }
  if (!(await agreedTo(question, context))) {
    const detail = `${answer.detail}: it was not agreed to`
    return { outcome: 'refused', detail, remedy: [smaller], flag: '--yes' }
  }
  context.emit({ type: 'notice', level: 'info', message: `cost: ${told(answer, context).detail}` })
  return answer
}

async function agreedTo(question: ConsentQuestion, { consent }: Context): Promise<boolean> {
  try {
    return await consent.approve(question)
  } catch (error) {
    // Nobody to ask.
    if (!(error instanceof MlpError) || error.code !== 'MLP5001') throw error
    return false
  }
}

function table(costs: readonly CloudCosts[], { target }: Context): readonly string[] {
  const prices = target.name === 'sandbox' ? 'simulated' : 'real'
  return costTables(costs, prices, { columns: 100, palette: palette(false) })
}

/** Nobody is to take the sandbox's sums for a bill. */
function told<A extends Answer>(answer: A, { target }: Context): A {
  return target.name === 'sandbox' ? { ...answer, detail: `${answer.detail} (simulated prices)` } : answer
}
