import type { CostLine } from '../clouds/cost-line.ts'
import type { Config } from '../config/schema.ts'
import type { PlannedAction } from '../engine/step.ts'
import { addUp, type CloudCosts, type Monthly } from './costs.ts'

/** What a plan costs: the whole platform while it runs, and what of it the plan makes or changes. */
export interface PlanCosts {
  /** Empty where nothing was asked. */
  readonly clouds: readonly CloudCosts[]
  readonly added: readonly Monthly[]
  /** mlp.yaml's, and all the clouds that it is for. */
  readonly config: Pick<Config, 'budget' | 'clouds'>
  /** Those of the sandbox are nobody's bill. */
  readonly prices: 'real' | 'simulated'
}

/** Each action with what its resource costs a month: null where that is nothing, decided by use, or not known. */
export function withCosts(
  actions: readonly PlannedAction[],
  costs: readonly CloudCosts[],
  now: Date,
): readonly PlannedAction[] {
  return actions.map(action => {
    const shares = linesOf(action, costs).map(line => shareOf(line, action))
    const known = shares.flatMap(share => (share === undefined ? [] : [share]))
    const [sum, ...others] = addUp(known)
    const [first] = known
    if (sum === undefined || first === undefined || others.length > 0 || known.length < shares.length)
      return action
    const source = [first.source, first.since].filter(Boolean).join(', ')
    return { ...action, monthlyCost: { ...sum, source, asOf: now.toISOString() } }
  })
}

/** What the actions that create or change something come to, without what is not known. */
export function addedBy(actions: readonly PlannedAction[], costs: readonly CloudCosts[]): readonly Monthly[] {
  return addUp(
    actions.flatMap(action =>
      linesOf(action, costs).flatMap(line => {
        const share = shareOf(line, action)
        return share === undefined ? [] : [share]
      }),
    ),
  )
}

/** Lines about the action's resource; about its whole root where that cannot be planned yet. By use is no amount. */
function linesOf({ cloud, step, subject, action }: PlannedAction, costs: readonly CloudCosts[]) {
  const its = costs.find(each => each.cloud === cloud)
  if (its?.state !== 'read' || action === 'destroy' || action === 'read') return []
  const root = step.split('.apply-')[1]
  return its.lines.filter(
    line =>
      line.root === root &&
      line.cost.kind !== 'by-use' &&
      (action === 'run' || line.address === subject || subject.startsWith(`${line.address}[`)),
  )
}

function shareOf(line: CostLine, { action }: PlannedAction) {
  if (line.cost.kind !== 'monthly') return undefined
  return { ...line.cost, amount: line.cost.amount / (action === 'run' ? 1 : line.instances) }
}
