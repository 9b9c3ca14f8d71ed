import type { JobRuntime } from '../job-runtime.ts'

/** One use of an action that the sandbox has of its own. Throws StepFailure, or anything, when it fails. */
export interface ActionCall {
  /** `with`, names in lower case. */
  readonly inputs: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
  readonly runtime: JobRuntime
  readonly signal: AbortSignal
  setOutput(name: string, value: string): void
  exportVariable(name: string, value: string): void
  addPath(folder: string): void
}

export type BuiltinAction = (call: ActionCall) => Promise<void>

export function isYes(text: string | undefined, usual: boolean): boolean {
  return text === undefined || text === '' ? usual : /^(true|yes|on|y)$/i.test(text)
}
