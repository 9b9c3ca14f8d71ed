import { type ExitCode, exitCodes } from '../../engine/errors.ts'
import { planSteps } from '../../engine/plan.ts'
import type { PlannedAction } from '../../engine/step.ts'
import { phases } from '../../phases/index.ts'
import type { Phase } from '../../phases/phase.ts'
import { readCosts } from '../costs.ts'
import type { Io } from '../io.ts'
import type { PlanOptions } from '../options.ts'
import { addedBy, type PlanCosts, withCosts } from '../plan-costs.ts'
import { readQuotas } from '../quotas.ts'
import { type Session, withSession } from '../session.ts'
import { stepsOfPhases } from '../steps-of-phases.ts'
import { type QuotaRow, showPlan } from '../views/plan-report.ts'

/** What every phase would do, and why. Changes nothing. */
export function runPlan(options: PlanOptions, io: Io): Promise<ExitCode> {
  return withSession({ command: 'plan', options, io, changes: false }, session =>
    planIn(options, io, session),
  )
}

async function planIn(options: PlanOptions, io: Io, session: Session): Promise<ExitCode> {
  const first = options.from ?? 1
  const last = options.to ?? 8
  const wanted = phases.filter(({ number }) => number >= first && number <= last)
  const { steps, askOnly } = stepsOfPhases(session, phase => phase >= first && phase <= last)
  const [plan, quotas] = await Promise.all([
    planSteps({ steps, askOnly, makeContext: session.makeContext, state: session.state }),
    quotaRows(session, wanted),
  ])
  const costs = await costsOf(session, wanted, plan.actions)
  const actions = withCosts(plan.actions, costs.clouds, new Date())
  session.answer(() => showPlan({ ...plan, actions, quotas, costs }, options, io))
  return plan.errors.length === 0 ? exitCodes.done : exitCodes.stepFailed
}

/** Asked only where something is to be made or changed: a platform that is as it should be costs what it did. */
async function costsOf(
  session: Session,
  wanted: readonly Phase[],
  actions: readonly PlannedAction[],
): Promise<PlanCosts> {
  const context = session.makeContext(() => undefined)
  const { config, target } = context
  const billed = new Set(
    wanted
      .filter(({ isBilled }) => isBilled === true)
      .flatMap(phase => phase.steps(config).map(({ id }) => id)),
  )
  const isAsked = actions.some(({ step }) => billed.has(step))
  const clouds = isAsked ? await readCosts(session.clouds.values(), context) : []
  return {
    clouds,
    added: addedBy(actions, clouds),
    config,
    prices: target.name === 'sandbox' ? 'simulated' : 'real',
  }
}

/** What the phases take of each cloud's quotas; what cannot be read is told, and is not in the plan. */
async function quotaRows(session: Session, wanted: readonly Phase[]): Promise<readonly QuotaRow[]> {
  const rows = await Promise.all(
    [...session.clouds.values()].map(async cloud => {
      const read = await readQuotas(cloud, wanted, session.config, session.signal)
      if (read.state === 'read') return read.quotas.map(quota => ({ cloud: cloud.name, ...quota }))
      const message = `${cloud.title}: quotas could not be read: ${read.why}`
      session.emit({ type: 'notice', level: 'warning', message })
      return []
    }),
  )
  return rows.flat()
}
