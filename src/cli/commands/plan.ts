import { type ExitCode, exitCodes } from '../../engine/errors.ts'
import { planSteps } from '../../engine/plan.ts'
import { phases } from '../../phases/index.ts'
import type { Io } from '../io.ts'
import type { PlanOptions } from '../options.ts'
import { type Session, withSession } from '../session.ts'
import { showPlan } from '../views/plan-report.ts'

/** What every phase would do, and why. Changes nothing. */
export function runPlan(options: PlanOptions, io: Io): Promise<ExitCode> {
  return withSession({ command: 'plan', options, io, changes: false }, session =>
    planIn(options, io, session),
  )
}

async function planIn(options: PlanOptions, io: Io, session: Session): Promise<ExitCode> {
  const first = options.from ?? 1
  const last = options.to ?? 8
  const steps = phases
    .filter(({ number }) => number >= first && number <= last)
    .flatMap(phase => phase.steps(session.config))
    .filter(({ cloud }) => session.works(cloud))
  const plan = await planSteps({ steps, makeContext: session.makeContext, state: session.state })
  showPlan(plan, options, io)
  return plan.errors.length === 0 ? exitCodes.done : exitCodes.stepFailed
}
