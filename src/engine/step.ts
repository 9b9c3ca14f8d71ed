import type { Emit, Leftover } from './events.ts'
import type { Json, JsonObject } from './json.ts'

/** What the engine itself needs of a context; phases extend it with config, clouds and tools. */
export interface EngineContext {
  /** Aborted on the first interrupt: start nothing new, finish or stop what runs. */
  readonly signal: AbortSignal
  /** Aborted on the second interrupt: kill what still runs, whatever is lost. */
  readonly killSignal?: AbortSignal
  readonly emit: Emit
  /** What a step that ran or was found present returned, in this run; undefined before that. */
  outputs(step: StepId): JsonObject | undefined
}

/** `<phase>.<cloud|all>.<kebab-name>`; ids are API, see docs/steps.md. */
export type StepId = `${number}.${string}.${string}`

/** One thing the platform needs, on one cloud or on all. */
export interface Step<Ctx extends EngineContext> {
  readonly id: StepId
  readonly cloud: string
  readonly title: string
  readonly needs: readonly StepId[]
  /** Comes after these where they are part of the run, however they end: an order, not a need. */
  readonly after?: readonly StepId[]
  /** Mutual limits: `name:count`, or `name` for one at a time (`terraform:aws`, `image-build:2`). */
  readonly limits?: readonly string[]
  /** All that should cause a rerun when it changes. */
  inputs(context: Ctx): Json
  /**
   * Begins to ask what `status` will, while the gates are asked: it changes nothing. Must not reject, and ends soon after
   * the context's signal aborts.
   */
  ahead?(context: Ctx): Promise<void>
  /** Asks the world, never mlp's state. */
  status(context: Ctx): Promise<Status>
  plan?(context: Ctx): Promise<readonly PlannedAction[]>
  /** Safe to repeat. Returns non-secret facts later steps read through `outputs`. Throws MlpError. */
  apply(context: Ctx, progress: Progress): Promise<JsonObject>
  undo?(context: Ctx, progress: Progress): Promise<Undone>
}

export type Status =
  | { readonly state: 'absent'; readonly why?: string }
  | { readonly state: 'partial'; readonly why: string }
  | { readonly state: 'present'; readonly outputs: JsonObject; readonly why?: string }
  | { readonly state: 'drifted'; readonly why: string }
  /** The world could not be asked; the step is applied again, which is safe. */
  | { readonly state: 'unknown'; readonly why: string }

export interface Progress {
  /** One calm line about what is going on now. */
  report(message: string, fraction?: number): void
}

export interface PlannedAction {
  readonly step: StepId
  readonly cloud: string
  /** What is acted on: a terraform address, a Kubernetes object, a file. */
  readonly subject: string
  readonly action: 'create' | 'change' | 'replace' | 'destroy' | 'read' | 'run'
  readonly why: string
  readonly destroysData: boolean
  readonly seconds: number | null
  readonly monthlyCost: {
    readonly amount: number
    readonly currency: string
    readonly source: string
    readonly asOf: string
  } | null
  /** The literal external command, where there is one. */
  readonly command?: string
}

export interface Undone {
  readonly removed: readonly Leftover[]
  readonly kept: readonly Leftover[]
  readonly left: readonly Leftover[]
}
