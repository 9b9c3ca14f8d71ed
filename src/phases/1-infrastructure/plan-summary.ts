import type { PlannedAction, StepId } from '../../engine/step.ts'
import type { Change, ChangeKind, Plan } from '../../tools/terraform/plan-document.ts'
import { holdsData } from './data-bearing.ts'

/** `12 to create, 1 to replace (loses data: aws_db_instance.this)`; `nothing to change` for an empty plan. */
export function summarise(plan: Plan): string {
  const counts = kinds.flatMap(kind => {
    const count = plan.changes.filter(change => change.kind === kind).length
    return count === 0 ? [] : [`${count} to ${kind}`]
  })
  if (counts.length === 0) return plan.outputsChange ? 'only outputs change' : 'nothing to change'
  const losses = losesData(plan)
  const warning =
    losses.length === 0 ? '' : ` (loses data: ${losses.map(({ address }) => address).join(', ')})`
  return `${counts.join(', ')}${warning}`
}

/** One line a change, the dangerous ones first. */
export function describe(plan: Plan): readonly string[] {
  return [...plan.changes]
    .sort((a, b) => danger(b) - danger(a))
    .map(
      ({ kind, address, because }) =>
        `${kind} ${address}${because.length === 0 ? '' : ` (because of ${because.join(', ')})`}`,
    )
}

/** Replacements and destructions of what holds data. */
export function losesData(plan: Plan): readonly Change[] {
  return plan.changes.filter(
    ({ kind, type }) => (kind === 'replace' || kind === 'destroy') && holdsData(type),
  )
}

export function plannedActions(
  plan: Plan,
  step: StepId,
  cloud: string,
  command: string,
): readonly PlannedAction[] {
  return plan.changes.map(change => ({
    step,
    cloud,
    subject: change.address,
    action: change.kind === 'adopt' ? 'change' : change.kind,
    why: why(change),
    destroysData: (change.kind === 'replace' || change.kind === 'destroy') && holdsData(change.type),
    seconds: null,
    monthlyCost: null,
    command,
  }))
}

const kinds: readonly ChangeKind[] = ['adopt', 'create', 'change', 'replace', 'destroy']

function danger(change: Change): number {
  return (
    kinds.indexOf(change.kind) +
    (holdsData(change.type) ? kinds.length : 0) *
      (change.kind === 'replace' || change.kind === 'destroy' ? 1 : 0)
  )
}

function why({ kind, tainted, because }: Change): string {
  if (because.length > 0) return `these cannot be changed in place: ${because.join(', ')}`
  switch (kind) {
    case 'adopt':
      return tainted
        ? 'is complete, although its creation was interrupted: it is kept'
        : "exists under this platform's name and id, but terraform's state does not know it"
    case 'create':
      return 'not there yet'
    case 'change':
      return 'differs from what is declared'
    case 'replace':
      return tainted ? 'the cloud failed to make it' : 'has to be made anew'
    case 'destroy':
      return 'no longer declared'
  }
}
