import type { ExitCode } from './errors.ts'
import type { Json } from './json.ts'

/** What happened, as data: the engine and the tools emit, views and the run log render. `at` is ISO 8601, UTC. */
export type Event = { readonly at: string } & EventBody

export type EventBody =
  | { readonly type: 'version'; readonly ui: '1.0'; readonly mlp: string }
  | {
      readonly type: 'run-started'
      readonly runId: string
      /** Without flags: `bootstrap`, `phase 1`. */
      readonly command: string
      /** As it was typed, quoted for a shell: `mlp bootstrap --to 2`. Earlier versions did not say. */
      readonly typed?: string
      readonly target: string
      readonly project: string
      readonly environment: string
      readonly steps: readonly { readonly id: string; readonly cloud: string; readonly title: string }[]
    }
  | {
      readonly type: 'step-started'
      readonly step: string
      readonly cloud: string
      readonly title: string
      readonly why: string
    }
  | {
      readonly type: 'step-progress'
      readonly step: string
      readonly cloud: string
      readonly message: string
      /** 0 to 1, where it is known. */
      readonly fraction?: number
    }
  | {
      readonly type: 'step-finished'
      readonly step: string
      readonly cloud: string
      readonly title: string
      readonly state: 'done' | 'skipped' | 'failed' | 'interrupted' | 'blocked' | 'removed' | 'kept' | 'left'
      readonly why: string
      readonly durationMs: number
      readonly outputs?: Json
      readonly error?: EventError
    }
  | {
      readonly type: 'gate'
      readonly gate: string
      readonly cloud: string
      readonly outcome: 'passed' | 'refused' | 'warned'
      readonly detail: string
      readonly flag?: string
    }
  | {
      readonly type: 'command-started'
      readonly id: string
      readonly step?: string
      readonly cloud?: string
      readonly command: string
      readonly cwd?: string
    }
  | {
      readonly type: 'tool-output'
      readonly id: string
      readonly step?: string
      readonly stream: 'stdout' | 'stderr'
      readonly line: string
    }
  | {
      readonly type: 'command-finished'
      readonly id: string
      readonly step?: string
      readonly exitCode: number | null
      readonly signal?: string
      readonly durationMs: number
    }
  | {
      readonly type: 'tool-progress'
      readonly tool: string
      readonly message: string
      readonly fraction?: number
    }
  | {
      readonly type: 'check-finished'
      readonly check: string
      readonly cloud: string
      readonly status: string
      readonly detail: string
      readonly remedy: readonly string[]
    }
  | {
      /** One test of the platform (phase 7). */
      readonly type: 'test-finished'
      readonly step: string
      readonly cloud: string
      readonly test: string
      readonly title: string
      /** `simulated`: what was to be tested is only played there; no failure and no proof. */
      readonly outcome: 'passed' | 'failed' | 'simulated' | 'skipped'
      readonly detail: string
      readonly expected?: string
      readonly got?: string
      readonly durationMs: number
    }
  | { readonly type: 'notice'; readonly level: 'info' | 'warning'; readonly message: string }
  | {
      readonly type: 'interrupt'
      readonly signal: string
      readonly count: number
      readonly finishing: readonly string[]
    }
  | {
      readonly type: 'run-finished'
      readonly result: 'ok' | 'failed' | 'refused' | 'interrupted'
      readonly exitCode: ExitCode
      readonly durationMs: number
      readonly done: number
      readonly skipped: number
      readonly failed: number
      readonly total: number
      readonly removed?: readonly Leftover[]
      readonly kept?: readonly Leftover[]
      readonly left?: readonly Leftover[]
      /** What ended the run outside of any step: a gate that refused, an answer that was no. */
      readonly error?: EventError
    }

export interface EventError {
  readonly code: string
  /** From the catalogue: who can put it right, and whether the same command may succeed with nothing changed. */
  readonly owner: string
  readonly retryable: boolean
  readonly summary: string
  readonly detail?: string | undefined
  readonly remedy: readonly string[]
  readonly command?: string | undefined
}

/** One thing that teardown removed, kept on purpose, or found still there. */
export interface Leftover {
  readonly cloud: string
  readonly type: string
  readonly id: string
  readonly name: string
  readonly reason: string
}

export type Emit = (event: EventBody) => void
