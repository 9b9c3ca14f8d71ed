import type { EngineContext } from './step.ts'

export type CheckId = `${number}.${string}.${string}`

/** A question about the world whose answer a person can act on. Never reads mlp's state. */
export interface Check<Ctx extends EngineContext> {
  readonly id: CheckId
  readonly phase: number
  readonly cloud: string
  readonly title: string
  /** What breaks when this fails. */
  readonly why: string
  /** Blocked, not failed, when one of these fails. */
  readonly after?: readonly CheckId[]
  readonly timeoutMs?: number
  run(context: Ctx): Promise<Finding>
}

export interface Finding {
  /** `error`: the check could not look; never reported as `pass`. */
  readonly status: 'pass' | 'warn' | 'fail' | 'error'
  readonly detail: string
  readonly remedy?: readonly string[]
  /** Of an answer that rests on something done before, not on how the world is at this moment. */
  readonly basis?: Basis
}

/** What was done, such as a test or a restore, that a check's answer rests on. */
interface Basis {
  /** ISO 8601. */
  readonly at: string
  readonly runId?: string
}

export interface CheckRow {
  readonly id: CheckId
  readonly phase: number
  readonly cloud: string
  readonly title: string
  readonly status: Finding['status'] | 'blocked' | 'skipped'
  readonly detail: string
  readonly remedy: readonly string[]
  readonly durationMs: number
  readonly basis?: Basis
}
