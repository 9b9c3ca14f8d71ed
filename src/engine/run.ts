import { type Barrier, openBarrier } from './barrier.ts'
import { ago } from './durations.ts'
import { type ExitCode, exitCodes, MlpError } from './errors.ts'
import type { EventError } from './events.ts'
import { isAbort, toEventError, toMlpError } from './failure.ts'
import { buildGraph, type Graph, needsOf } from './graph.ts'
import { describeChanges } from './inputs.ts'
import type { JsonObject } from './json.ts'
import { type NodeEnd, schedule } from './scheduler.ts'
import type { Begun, StateStore } from './state.ts'
import type { StepRecord } from './state-document.ts'
import type { EngineContext, Progress, Status, Step } from './step.ts'

export type Outputs = (step: string) => JsonObject | undefined

export interface RunOptions<Ctx extends EngineContext> {
  readonly steps: readonly Step<Ctx>[]
  /** The engine gives the `outputs` that the steps of this run read. */
  readonly makeContext: (outputs: Outputs) => Ctx
  readonly state: StateStore
  readonly runId: string
  /** Applies again what looks done: all of them, or these. */
  readonly force?: boolean | ReadonlySet<string>
  /** Runs these steps alone; what they need is asked about, never applied. Empty: all. */
  readonly only?: readonly string[]
  /** Steps that are asked about and never applied (the phases before the one that runs). */
  readonly askOnly?: ReadonlySet<string>
  readonly concurrency?: number
  /** Called once, before the first step is applied; what it throws ends the run with nothing begun. */
  readonly beforeFirstChange?: () => Promise<void>
  /** Called before a step is asked, and again before it is applied; throws when the lease is lost. */
  readonly guard?: Guard
  readonly now?: () => Date
}

export type Guard = (step: string, before: 'ask' | 'apply') => Promise<void>

export interface RunSummary {
  readonly result: 'ok' | 'failed' | 'refused' | 'interrupted'
  /** 0, 3, 5, 6 or 130; an interrupt by SIGTERM is for the CLI to tell apart. */
  readonly exitCode: ExitCode
  readonly done: number
  readonly skipped: number
  readonly failed: number
  readonly blocked: number
  readonly interrupted: number
  readonly total: number
  readonly steps: readonly StepOutcome[]
  readonly errors: readonly { readonly step: string; readonly cloud: string; readonly error: EventError }[]
  readonly outputs: ReadonlyMap<string, JsonObject>
}

export interface StepOutcome {
  readonly id: string
  readonly cloud: string
  readonly title: string
  /** `pending`: an interrupt came before its turn. */
  readonly state: 'done' | 'skipped' | 'failed' | 'blocked' | 'interrupted' | 'pending'
  readonly why: string
}

export const defaultConcurrency = 8

/**
 * Runs steps as lanes. Each step's `status()` is asked first; what is present with unchanged inputs is skipped, the
 * rest applied, and `status()` asked again, because a step is done only when the world says so. A failure of a step
 * is part of the summary; rejects with what `beforeFirstChange` throws, with MLP5211 when what was found cannot be
 * recorded, else only for a bug in the graph (an id twice, an unknown need, a cycle).
 */
export async function runSteps<Ctx extends EngineContext>(options: RunOptions<Ctx>): Promise<RunSummary> {
  const whole = buildGraph(options.steps)
  const only = new Set(options.only)
  const graph = only.size === 0 ? whole : buildGraph(selection(whole, [...only]))
  const needed = only.size === 0 ? [] : graph.ordered.map(({ id }) => id).filter(id => !only.has(id))
  const askOnly = new Set([...(options.askOnly ?? []), ...needed])
  const outputs = new Map<string, JsonObject>()
  const outcomes = new Map<string, StepOutcome & { readonly error?: MlpError }>()
  const context = options.makeContext(step => outputs.get(step))
  const barrier = openBarrier(options.beforeFirstChange)

  const run = async (step: Step<Ctx>): Promise<NodeEnd> => {
    const outcome = await runStep(step, context, { ...options, askOnly, barrier }, outputs)
    outcomes.set(step.id, { id: step.id, cloud: step.cloud, title: step.title, ...outcome })
    if (outcome.state === 'interrupted') return 'interrupted'
    return outcome.state === 'failed' ? 'failed' : 'ok'
  }
  await schedule({
    graph,
    concurrency: options.concurrency ?? defaultConcurrency,
    signal: AbortSignal.any([context.signal, barrier.closed]),
    run,
    onBlocked(step, cause) {
      const why = `${cause} ${outcomes.get(cause)?.state === 'blocked' ? 'is blocked' : 'failed'}`
      const { id, cloud, title } = step
      outcomes.set(id, { id, cloud, title, state: 'blocked', why })
      context.emit({ type: 'step-finished', step: id, cloud, title, state: 'blocked', why, durationMs: 0 })
    },
  })
  if (barrier.closed.aborted) throw barrier.closed.reason
  await options.state.settle()
  return summarise(graph, outcomes, outputs)
}

interface StepOptions<Ctx extends EngineContext> extends RunOptions<Ctx> {
  /** With what is only needed by the steps that are run alone. */
  readonly askOnly: ReadonlySet<string>
  readonly barrier: Barrier
}

function selection<Ctx extends EngineContext>(
  graph: Graph<Step<Ctx>>,
  only: readonly string[],
): readonly Step<Ctx>[] {
  for (const id of only) if (!graph.byId.has(id)) throw new Error(`no step has the id ${id}`)
  const wanted = new Set(only.flatMap(id => [...needsOf(graph, id)]))
  return graph.ordered.filter(step => wanted.has(step.id))
}

interface Ended {
  readonly state: 'done' | 'skipped' | 'failed' | 'interrupted'
  readonly why: string
  readonly error?: MlpError
}

async function runStep<Ctx extends EngineContext>(
  step: Step<Ctx>,
  context: Ctx,
  options: StepOptions<Ctx>,
  outputs: Map<string, JsonObject>,
): Promise<Ended> {
  const now = options.now ?? (() => new Date())
  const startedAt = now().getTime()
  const progress: Progress = {
    report: (message, fraction) =>
      context.emit({
        type: 'step-progress',
        step: step.id,
        cloud: step.cloud,
        message,
        ...(fraction === undefined ? {} : { fraction }),
      }),
  }
  let ended: Ended
  try {
    await options.guard?.(step.id, 'ask')
    ended = await askAndApply(step, context, progress, options, outputs)
  } catch (error) {
    ended = await endBadly(step.id, error, context.signal, options.state)
  }
  const result = outputs.get(step.id)
  context.emit({
    type: 'step-finished',
    step: step.id,
    cloud: step.cloud,
    title: step.title,
    state: ended.state,
    why: ended.why,
    durationMs: now().getTime() - startedAt,
    ...(result === undefined ? {} : { outputs: result }),
    ...(ended.error === undefined ? {} : { error: toEventError(ended.error) }),
  })
  return ended
}

async function askAndApply<Ctx extends EngineContext>(
  step: Step<Ctx>,
  context: Ctx,
  progress: Progress,
  options: StepOptions<Ctx>,
  outputs: Map<string, JsonObject>,
): Promise<Ended> {
  const { state, runId } = options
  const now = options.now ?? (() => new Date())
  const record = state.get(step.id)
  progress.report('asking what is there')
  const status = await step.status(context)
  const fingerprint = state.fingerprint(step.inputs(context))
  if (options.askOnly.has(step.id)) {
    if (status.state !== 'present') throw notThere(step, status)
    outputs.set(step.id, status.outputs)
    return { state: 'skipped', why: 'there already, only asked about' }
  }
  const changes =
    record === undefined || record.inputsHash === fingerprint.hash
      ? []
      : describeChanges(record.inputs, fingerprint.inputs)
  const forced = options.force === true || (typeof options.force === 'object' && options.force.has(step.id))
  if (status.state === 'present' && changes.length === 0 && !forced) {
    const why = whySkipped(record, status, now())
    await state.confirm(step.id, { fingerprint, runId, why }, status.outputs)
    outputs.set(step.id, status.outputs)
    return { state: 'skipped', why }
  }
  // An interrupt may have come while the world was asked; nothing is begun after it.
  if (context.signal.aborted) return { state: 'interrupted', why: 'interrupted before it began' }
  if (!(await options.barrier.pass())) return { state: 'interrupted', why: 'the run was refused' }
  // To ask may have taken minutes.
  await options.guard?.(step.id, 'apply')

  const begun: Begun = { fingerprint, runId, why: whyApplied(record, status, changes) }
  await state.begin(step.id, begun)
  context.emit({
    type: 'step-started',
    step: step.id,
    cloud: step.cloud,
    title: step.title,
    why: begun.why,
  })
  const applied = await step.apply(context, progress)
  // While it was applied, what later steps need may have become known.
  outputs.set(step.id, applied)
  progress.report('asking whether it holds')
  const after = await step.status(context)
  if (after.state !== 'present') {
    outputs.delete(step.id)
    throw notConfirmed(step, after)
  }
  const result = { ...applied, ...after.outputs }
  outputs.set(step.id, result)
  await state.succeed(step.id, { outputs: result, why: begun.why })
  return { state: 'done', why: begun.why }
}

async function endBadly(
  step: string,
  thrown: unknown,
  signal: AbortSignal,
  state: StateStore,
): Promise<Ended> {
  let error = toMlpError(thrown, step)
  const interrupted = error.code === 'MLP5130' || (signal.aborted && isAbort(thrown))
  // `running` stays in the file for an interrupted step: the next run then says that it was interrupted.
  if (!interrupted && state.get(step)?.state === 'running') {
    try {
      await state.fail(step, { code: error.code, summary: error.message })
    } catch (unwritten) {
      // Both matter: the step's own error is shown, with what stopped its being recorded.
      const second = toMlpError(unwritten, step)
      error = new MlpError({
        code: error.code,
        summary: error.message,
        detail: [error.detail, `Besides, it could not be recorded: ${second.message}`]
          .filter(Boolean)
          .join('\n'),
        remedy: [...error.remedy, ...second.remedy],
        command: error.command,
        cause: thrown,
      })
    }
  }
  return interrupted
    ? { state: 'interrupted', why: 'interrupted; the next run asks the world and goes on' }
    : { state: 'failed', why: error.message, error }
}

function whySkipped(record: StepRecord | undefined, status: Status, now: Date): string {
  const said = status.why ?? 'still as declared'
  if (record === undefined) return `found in place, ${said}`
  if (record.state === 'running') return `the last run was interrupted here, yet it is complete: ${said}`
  if (record.state === 'failed') return `failed in the last run, but is complete now: ${said}`
  return `done ${ago(record.finishedAt, now)}, inputs unchanged, ${said}`
}

function whyApplied(record: StepRecord | undefined, status: Status, changes: readonly string[]): string {
  const shown = changes.slice(0, 3).join(', ') + (changes.length > 3 ? ` and ${changes.length - 3} more` : '')
  const said = status.why === undefined ? '' : `: ${status.why}`
  if (record?.state === 'running') return `the last run was interrupted here${said}`
  if (changes.length > 0) return `inputs changed: ${shown}`
  switch (status.state) {
    case 'absent':
      return record?.state === 'done' ? `was done, but is gone${said}` : `not there yet${said}`
    case 'partial':
      return `incomplete${said}`
    case 'drifted':
      return `changed outside mlp${said}`
    case 'unknown':
      return `could not be asked${said}`
    case 'present':
      return 'forced'
  }
}

function notThere<Ctx extends EngineContext>(step: Step<Ctx>, status: Status): MlpError {
  const phase = step.id.split('.')[0]
  return new MlpError({
    code: 'MLP5242',
    summary: `${step.id} (${step.title}) is needed, and is not there`,
    detail: `The world says: ${status.state}${status.why === undefined ? '' : `, ${status.why}`}.`,
    remedy: [`mlp bootstrap --to ${phase}`],
  })
}

function notConfirmed<Ctx extends EngineContext>(step: Step<Ctx>, status: Status): MlpError {
  const said = status.why === undefined ? status.state : `${status.state}, ${status.why}`
  const asked = status.state !== 'unknown'
  return new MlpError({
    code: asked ? 'MLP5240' : 'MLP5241',
    summary: asked
      ? `${step.id} says that it is done, but the world disagrees: ${said}`
      : `${step.id} was applied, but the world could not be asked whether it holds: ${said}`,
    remedy: [
      'Run the same command again; it is safe to repeat.',
      'If it ends here again, something else changes it back: look at the run’s log.',
    ],
  })
}

function summarise<Ctx extends EngineContext>(
  graph: Graph<Step<Ctx>>,
  outcomes: ReadonlyMap<string, StepOutcome & { readonly error?: MlpError }>,
  outputs: ReadonlyMap<string, JsonObject>,
): RunSummary {
  const ended = graph.ordered.map(
    step =>
      outcomes.get(step.id) ?? {
        id: step.id,
        cloud: step.cloud,
        title: step.title,
        state: 'pending' as const,
        why: 'an interrupt came before its turn',
      },
  )
  const count = (state: StepOutcome['state']): number => ended.filter(each => each.state === state).length
  const errors = ended.flatMap(({ id, cloud, ...each }) =>
    'error' in each && each.error !== undefined ? [{ step: id, cloud, error: each.error }] : [],
  )
  const { result, exitCode } = verdict(
    errors.map(each => each.error),
    count('pending') > 0 || count('interrupted') > 0,
  )
  return {
    result,
    exitCode,
    done: count('done'),
    skipped: count('skipped'),
    failed: count('failed'),
    blocked: count('blocked'),
    interrupted: count('interrupted'),
    total: ended.length,
    steps: ended.map(({ id, cloud, title, state, why }) => ({ id, cloud, title, state, why })),
    errors: errors.map(({ step, cloud, error }) => ({ step, cloud, error: toEventError(error) })),
    outputs,
  }
}

/** A bug outranks an interrupt, an interrupt a lock, a lock a failure, and one real failure a refusal. */
export function verdict(
  errors: readonly MlpError[],
  cutShort: boolean,
): Pick<RunSummary, 'result' | 'exitCode'> {
  if (errors.some(error => error.exitCode === exitCodes.bug))
    return { result: 'failed', exitCode: exitCodes.bug }
  if (cutShort) return { result: 'interrupted', exitCode: exitCodes.interrupted }
  if (errors.length === 0) return { result: 'ok', exitCode: exitCodes.done }
  if (errors.some(error => error.exitCode === exitCodes.locked))
    return { result: 'refused', exitCode: exitCodes.locked }
  return errors.every(error => error.exitCode === exitCodes.refused)
    ? { result: 'refused', exitCode: exitCodes.refused }
    : { result: 'failed', exitCode: exitCodes.stepFailed }
}
