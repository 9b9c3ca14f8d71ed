import type { MlpError } from './errors.ts'
import { toMlpError } from './failure.ts'
import { buildGraph } from './graph.ts'
import { describeChanges } from './inputs.ts'
import type { JsonObject } from './json.ts'
import { defaultConcurrency, type Outputs } from './run.ts'
import { type NodeEnd, schedule } from './scheduler.ts'
import type { StateStore } from './state.ts'
import type { EngineContext, PlannedAction, Step } from './step.ts'

export interface PlanOptions<Ctx extends EngineContext> {
  readonly steps: readonly Step<Ctx>[]
  readonly makeContext: (outputs: Outputs) => Ctx
  readonly state: StateStore
  /** Steps that are asked about because others need them, and are no part of the plan. */
  readonly askOnly?: ReadonlySet<string>
  readonly concurrency?: number
}

export interface PlanSummary {
  readonly actions: readonly PlannedAction[]
  /** Steps with nothing to do. */
  readonly unchanged: readonly string[]
  /** Steps that could not be planned, and what stopped them. */
  readonly errors: readonly { readonly step: string; readonly error: MlpError }[]
}

/**
 * What a run would do, and why; changes nothing, not even the state. A step whose needs are not there yet still plans:
 * as far as it can tell, or as one action that says when the rest will be known.
 */
export async function planSteps<Ctx extends EngineContext>(options: PlanOptions<Ctx>): Promise<PlanSummary> {
  const graph = buildGraph(options.steps)
  const outputs = new Map<string, JsonObject>()
  const context = options.makeContext(step => outputs.get(step))
  const plans = new Map<string, readonly PlannedAction[]>()
  const errors: { readonly step: string; readonly error: MlpError }[] = []
  await schedule({
    graph,
    concurrency: options.concurrency ?? defaultConcurrency,
    signal: context.signal,
    async run(step): Promise<NodeEnd> {
      try {
        plans.set(step.id, await planStep(step, context, options.state, outputs))
      } catch (thrown) {
        errors.push({ step: step.id, error: toMlpError(thrown, step.id) })
      }
      // A lane goes on: its later steps are planned as well as they can be.
      return 'ok'
    },
    onBlocked: () => undefined,
  })
  const planned = graph.ordered.filter(step => options.askOnly?.has(step.id) !== true)
  return {
    actions: planned.flatMap(step => plans.get(step.id) ?? []),
    unchanged: planned.flatMap(step => (plans.get(step.id)?.length === 0 ? [step.id] : [])),
    errors,
  }
}

async function planStep<Ctx extends EngineContext>(
  step: Step<Ctx>,
  context: Ctx,
  state: StateStore,
  outputs: Map<string, JsonObject>,
): Promise<readonly PlannedAction[]> {
  const status = await step.status(context)
  const record = state.get(step.id)
  const fingerprint = state.fingerprint(step.inputs(context))
  const changes =
    record === undefined || record.inputsHash === fingerprint.hash
      ? []
      : describeChanges(record.inputs, fingerprint.inputs)
  if (status.state === 'present') {
    outputs.set(step.id, status.outputs)
    if (changes.length === 0) return []
  }
  if (step.plan !== undefined) return await step.plan(context)
  const why = changes.length > 0 ? `inputs changed: ${changes.join(', ')}` : (status.why ?? status.state)
  return [
    {
      step: step.id,
      cloud: step.cloud,
      subject: step.title,
      action: status.state === 'absent' ? 'create' : status.state === 'unknown' ? 'run' : 'change',
      why,
      destroysData: false,
      seconds: null,
      monthlyCost: null,
    },
  ]
}
