import { askAhead } from '../engine/ahead.ts'
import { type ExitCode, MlpError } from '../engine/errors.ts'
import { passGates } from '../engine/gates.ts'
import { runSteps } from '../engine/run.ts'
import { mergeContextsForUser } from '../phases/2-kubernetes/context-step.ts'
import { phases } from '../phases/index.ts'
import type { Context, PhaseNumber, PlatformStep } from '../phases/phase.ts'
import { recordImages } from '../phases/record-images.ts'
import { gatesOf, roomGatesOf } from './gates/gates.ts'
import type { Io } from './io.ts'
import type { BootstrapOptions, PhaseOptions } from './options.ts'
import { type Session, withSession } from './session.ts'
import { stepsOfPhases } from './steps-of-phases.ts'

export interface PhasesRun {
  readonly command: string
  readonly options: BootstrapOptions | PhaseOptions
  readonly io: Io
  readonly wanted: (phase: PhaseNumber) => boolean
  readonly only?: readonly string[]
  readonly force?: boolean
  /** Once all of it is done. */
  readonly after?: (context: Context, runId: string) => Promise<void>
}

/** What `bootstrap` and `phase` share: steps of the wanted phases are applied, those before are only asked about. */
export function runPhases(run: PhasesRun): Promise<ExitCode> {
  return withSession(
    {
      command: run.command,
      options: run.options,
      io: run.io,
      changes: true,
    },
    session => applyPhases(run, session),
  )
}

async function applyPhases(run: PhasesRun, session: Session): Promise<ExitCode> {
  const { steps, askOnly } = stepsOfPhases(session, run.wanted)
  for (const id of run.only ?? []) refuseUnknownStep(steps, id)
  session.started(steps.filter(({ id }) => !askOnly.has(id)))
  const wanted = phases.filter(({ number }) => run.wanted(number))
  for (const phase of wanted) {
    const why = phase.leftOut?.(session.config)
    const message = `phase ${phase.number}, ${phase.title}, is left out: ${why}`
    if (why !== undefined) session.emit({ type: 'notice', level: 'info', message })
  }
  const toGate = { clouds: [...session.clouds.values()], phases: wanted }
  const context = session.makeContext(() => undefined)
  const gateAndRun = async () => {
    const asking = askAhead((run.only ?? []).length === 0 ? steps : [], context)
    try {
      await asking.begun
      await passGates(gatesOf(toGate), context)
      context.toolchain.prefetch(wanted.flatMap(({ tools }) => tools ?? []))
      const isFirst = !steps.some(({ id }) => session.state.get(id)?.state === 'done')
      return await runSteps({
        steps,
        makeContext: session.makeContext,
        state: session.state,
        runId: session.runId,
        guard: session.guard,
        beforeFirstChange: () => passGates(roomGatesOf(toGate, isFirst), context),
        askOnly,
        ...(run.force ? { force: true } : {}),
        ...(run.only === undefined ? {} : { only: run.only }),
      })
    } finally {
      await asking.end()
    }
  }
  const summary = await gateAndRun()
  if (summary.result === 'ok' && run.wanted(3)) await recordImages(context, summary.outputs)
  if (summary.result === 'ok') await run.after?.(context, session.runId)
  if (run.options.mergeKubeconfig && summary.result === 'ok') {
    const { file, changed } = await mergeContextsForUser(context)
    session.emit({
      type: 'notice',
      level: 'info',
      message: changed ? `contexts added to ${file}` : `contexts are in ${file} already`,
    })
  }
  if (summary.result === 'ok') {
    for (const { closing } of wanted)
      for (const message of (await closing?.(context)) ?? [])
        session.emit({ type: 'notice', level: 'info', message })
  }
  return session.finish(summary)
}

function refuseUnknownStep(steps: readonly PlatformStep[], id: string): void {
  if (steps.some(step => step.id === id)) return
  throw new MlpError({
    code: 'MLP1012',
    summary: `there is no step ${id}`,
    detail: `There are: ${steps.map(step => step.id).join(', ')}.`,
    remedy: ['docs/steps.md lists all steps.'],
  })
}
