import { MlpError } from './errors.ts'
import type { Leftover } from './events.ts'
import { isAbort, toEventError, toMlpError } from './failure.ts'
import { buildGraph, reversed } from './graph.ts'
import type { JsonObject } from './json.ts'
import {
  defaultConcurrency,
  type Guard,
  type Outputs,
  type RunSummary,
  type StepOutcome,
  verdict,
} from './run.ts'
import { type NodeEnd, schedule } from './scheduler.ts'
import type { StateStore } from './state.ts'
import type { EngineContext, Step, Undone } from './step.ts'

export interface UndoOptions<Ctx extends EngineContext> {
  readonly steps: readonly Step<Ctx>[]
  readonly makeContext: (outputs: Outputs) => Ctx
  readonly state: StateStore
  /** Steps that are asked about because others need them, and that stay. */
  readonly askOnly?: ReadonlySet<string>
  readonly concurrency?: number
  readonly guard?: Guard
  readonly now?: () => Date
}

export interface UndoSummary extends Omit<RunSummary, 'steps'> {
  readonly steps: readonly (Omit<StepOutcome, 'state'> & {
    readonly state: StepOutcome['state'] | 'removed' | 'kept' | 'left'
  })[]
  readonly removed: readonly Leftover[]
  readonly kept: readonly Leftover[]
  readonly left: readonly Leftover[]
}

type Outcome = UndoSummary['steps'][number] & { readonly error?: MlpError }
type Ended = Pick<Outcome, 'why' | 'error'> & { readonly state: Exclude<Outcome['state'], 'pending'> }

/**
 * Takes steps back, each after everything that needs it. The world is asked first, in order of needs, because what
 * removes a cluster's objects has to know the cluster. A step that leaves something behind is failed for the exit
 * code, but does not stop what can still be removed elsewhere; one that throws stops its own lane.
 */
export async function undoSteps<Ctx extends EngineContext>(options: UndoOptions<Ctx>): Promise<UndoSummary> {
  const graph = buildGraph(options.steps)
  const outputs = new Map<string, JsonObject>()
  const outcomes = new Map<string, Outcome>()
  const context = options.makeContext(step => outputs.get(step))
  const now = options.now ?? (() => new Date())
  const merged = { removed: [] as Leftover[], kept: [] as Leftover[], left: [] as Leftover[] }
  const concurrency = options.concurrency ?? defaultConcurrency

  const finish = (step: Step<Ctx>, outcome: Ended, startedAt: number) => {
    const { id, cloud, title } = step
    const { error, ...ended } = outcome
    outcomes.set(id, { id, cloud, title, ...outcome })
    context.emit({
      type: 'step-finished',
      step: id,
      cloud,
      title,
      state: ended.state,
      why: ended.why,
      durationMs: now().getTime() - startedAt,
      ...(error === undefined ? {} : { error: toEventError(error) }),
    })
  }

  await schedule({
    graph,
    concurrency,
    signal: context.signal,
    async run(step) {
      try {
        await recall(step, context, options.state, outputs)
        return 'ok'
      } catch {
        // What cannot be asked now is asked by undo() itself, whose error is the one to show.
        return 'ok'
      }
    },
    onBlocked: () => undefined,
  })

  // What is only asked about needs those that go, not the other way round: none of it waits, and none of it is undone.
  const going = options.steps.filter(({ id }) => options.askOnly?.has(id) !== true)
  const among = new Set<string>(going.map(({ id }) => id))
  const goingGraph = buildGraph(
    going.map(step => ({ ...step, needs: step.needs.filter(need => among.has(need)) })),
  )
  await schedule({
    graph: reversed(goingGraph),
    concurrency,
    signal: context.signal,
    async run({ id }): Promise<NodeEnd> {
      const step = graph.byId.get(id)
      if (step === undefined) throw new Error(`no step has the id ${id}`)
      const startedAt = now().getTime()
      try {
        await options.guard?.(id, 'apply')
        const undone = await undoStep(step, context)
        if (undone === undefined) {
          await options.state.forget(id)
          finish(step, { state: 'skipped', why: 'nothing of its own to take back' }, startedAt)
          return 'ok'
        }
        merged.removed.push(...undone.removed)
        merged.kept.push(...undone.kept)
        merged.left.push(...undone.left)
        if (undone.left.length === 0) await options.state.forget(id)
        finish(step, outcomeOf(step, undone), startedAt)
        return 'ok'
      } catch (thrown) {
        const error = toMlpError(thrown, id)
        const interrupted = error.code === 'MLP5130' || (context.signal.aborted && isAbort(thrown))
        finish(
          step,
          interrupted
            ? { state: 'interrupted', why: 'interrupted; the next run goes on' }
            : { state: 'failed', why: error.message, error },
          startedAt,
        )
        return interrupted ? 'interrupted' : 'failed'
      }
    },
    onBlocked({ id }, cause) {
      const step = graph.byId.get(id)
      if (step !== undefined) {
        finish(step, { state: 'blocked', why: `${cause} is still there` }, now().getTime())
      }
    },
  })
  return summarise(goingGraph.ordered.toReversed(), outcomes, outputs, merged)
}

/** What the step returned when it was applied: from the world where it answers, else from memory. */
async function recall<Ctx extends EngineContext>(
  step: Step<Ctx>,
  context: Ctx,
  state: StateStore,
  outputs: Map<string, JsonObject>,
): Promise<void> {
  const remembered = state.get(step.id)?.outputs
  if (remembered !== undefined) outputs.set(step.id, remembered)
  const status = await step.status(context)
  if (status.state === 'present') outputs.set(step.id, status.outputs)
  else if (status.state === 'absent') outputs.delete(step.id)
}

async function undoStep<Ctx extends EngineContext>(
  step: Step<Ctx>,
  context: Ctx,
): Promise<Undone | undefined> {
  if (step.undo === undefined) return undefined
  context.emit({
    type: 'step-started',
    step: step.id,
    cloud: step.cloud,
    title: step.title,
    why: 'teardown',
  })
  return await step.undo(context, {
    report: (message, fraction) =>
      context.emit({
        type: 'step-progress',
        step: step.id,
        cloud: step.cloud,
        message,
        ...(fraction === undefined ? {} : { fraction }),
      }),
  })
}

function outcomeOf<Ctx extends EngineContext>(step: Step<Ctx>, undone: Undone): Ended {
  const things = (list: readonly Leftover[]): string => list.map(each => each.name).join(', ')
  if (undone.left.length > 0) {
    const error = new MlpError({
      code: 'MLP5243',
      summary: `${step.id} left ${undone.left.length} behind: ${things(undone.left)}`,
      detail: undone.left.map(each => `${each.cloud} ${each.type} ${each.id}: ${each.reason}`).join('\n'),
      remedy: ['Run the same command again; if they stay, remove them by hand: they may still be billed.'],
    })
    return { state: 'left', why: error.message, error }
  }
  if (undone.kept.length > 0) return { state: 'kept', why: `kept ${things(undone.kept)}` }
  return { state: 'removed', why: `removed ${undone.removed.length}` }
}

function summarise<Ctx extends EngineContext>(
  order: readonly Step<Ctx>[],
  outcomes: ReadonlyMap<string, Outcome>,
  outputs: ReadonlyMap<string, JsonObject>,
  merged: Pick<UndoSummary, 'removed' | 'kept' | 'left'>,
): UndoSummary {
  const ended = order.map(
    (step): Outcome =>
      outcomes.get(step.id) ?? {
        id: step.id,
        cloud: step.cloud,
        title: step.title,
        state: 'pending',
        why: 'an interrupt came before its turn',
      },
  )
  const count = (...states: readonly Outcome['state'][]): number =>
    ended.filter(each => states.includes(each.state)).length
  const errors = ended.flatMap(({ id, cloud, error }) =>
    error === undefined ? [] : [{ step: id, cloud, error }],
  )
  return {
    ...verdict(
      errors.map(each => each.error),
      count('pending', 'interrupted') > 0,
    ),
    done: count('removed', 'kept'),
    skipped: count('skipped'),
    failed: count('failed', 'left'),
    blocked: count('blocked'),
    interrupted: count('interrupted'),
    total: ended.length,
    steps: ended.map(({ id, cloud, title, state, why }) => ({ id, cloud, title, state, why })),
    errors: errors.map(({ step, cloud, error }) => ({ step, cloud, error: toEventError(error) })),
    outputs,
    ...merged,
  }
}
