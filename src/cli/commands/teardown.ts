import { type ExitCode, exitCodes, MlpError } from '../../engine/errors.ts'
import type { Leftover } from '../../engine/events.ts'
import { passGates } from '../../engine/gates.ts'
import { undoSteps } from '../../engine/undo.ts'
import { sweep } from '../../phases/1-infrastructure/sweep.ts'
import { phases } from '../../phases/index.ts'
import type { Context } from '../../phases/phase.ts'
import { gatesOf } from '../gates/gates.ts'
import type { Io } from '../io.ts'
import type { TeardownOptions } from '../options.ts'
import { type Session, withSession } from '../session.ts'
import { stepsOfPhases } from '../steps-of-phases.ts'

/** Takes the platform back in reverse order, then looks in the clouds, without any state, for what is still there. */
export function runTeardown(options: TeardownOptions, io: Io): Promise<ExitCode> {
  return withSession({ command: 'teardown', options, io, changes: true }, session =>
    tearDownIn(options, session),
  )
}

async function tearDownIn(options: TeardownOptions, session: Session): Promise<ExitCode> {
  const first = options.from ?? 1
  const last = options.to ?? 8
  const wanted = phases.filter(({ number }) => number >= first && number <= last)
  const { steps, askOnly } = stepsOfPhases(session, phase => phase >= first && phase <= last, true)
  const context = session.makeContext(() => undefined)
  session.started(steps.filter(({ id }) => !askOnly.has(id)))
  await passGates(gatesOf({ clouds: session.clouds.values(), phases: wanted }), context)
  if (!(await confirmed(context))) throw notConfirmed(context.config.project)
  const undone = await undoSteps({
    steps,
    askOnly,
    makeContext: session.makeContext,
    state: session.state,
    guard: session.guard,
  })
  if (undone.result !== 'ok' || first > 1) return session.finish(undone)
  const found = await sweep(session.clouds, {
    destroyData: context.consent.destroyData,
    withCosts: true,
    signal: session.signal,
  })
  const left = [...undone.left, ...found.left]
  return session.finish({
    ...undone,
    kept: distinct([...undone.kept, ...found.kept]),
    left,
    ...(left.length === 0 ? {} : { result: 'failed' as const, exitCode: exitCodes.stepFailed }),
  })
}

/** Names the target and the blast radius before anything is touched. */
async function confirmed(context: Context): Promise<boolean> {
  const { consent, config, target } = context
  const found = await sweep(context.clouds, {
    destroyData: consent.destroyData,
    withCosts: false,
    signal: context.signal,
  })
  const details = [...context.clouds.values()].map(({ name, title }) => {
    const count = (rows: readonly Leftover[]) => rows.filter(({ cloud }) => cloud === name).length
    const account = target.clouds[name]?.account
    return `${title}${account === undefined ? '' : ` ${account}`}: ${count(found.left)} to delete, ${count(found.kept)} kept`
  })
  return await consent.approve({
    id: 'teardown',
    message: `Tear down ${config.project} (${config.environment}) on the ${target.name} target${consent.destroyData ? ', data included' : ''}? There is no undo.`,
    details,
    safe: false,
    flag: '--confirm <project>',
  })
}

function notConfirmed(project: string): MlpError {
  return new MlpError({
    code: 'MLP5002',
    summary: 'the teardown was not confirmed; nothing was changed',
    remedy: [`Type ${project} when asked, or: mlp teardown --confirm ${project}`],
  })
}

function distinct(leftovers: readonly Leftover[]): readonly Leftover[] {
  return [...new Map(leftovers.map(each => [`${each.cloud} ${each.id}`, each])).values()]
}
