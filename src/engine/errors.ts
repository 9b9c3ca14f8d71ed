/**
 * Something a person can act on. `code` is stable and documented in docs/errors.md: MLP1xxx configuration,
 * MLP2xxx tools, MLP3xxx clouds, MLP4xxx cluster, MLP5xxx platform. Anything thrown that is not an MlpError is a
 * bug and is shown as one (MLP9000).
 */
export class MlpError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly remedy: readonly string[]
  /** The failed command, quoted so that it can be pasted into a shell; never holds a secret. */
  readonly command: string | undefined
  readonly exitCode: ExitCode

  constructor(problem: Problem) {
    super(problem.summary, problem.cause === undefined ? undefined : { cause: problem.cause })
    this.name = 'MlpError'
    this.code = problem.code
    this.detail = problem.detail
    this.remedy = problem.remedy
    this.command = problem.command
    this.exitCode = problem.exitCode ?? exitCodes.stepFailed
  }
}

export type ErrorCode = `MLP${1 | 2 | 3 | 4 | 5 | 9}${number}`

export interface Problem {
  readonly code: ErrorCode
  /** One line: what happened, and where. */
  readonly summary: string
  /** Why, with what the tool said. */
  readonly detail?: string | undefined
  /** What to do next, most likely first; each an instruction or a command. */
  readonly remedy: readonly string[]
  readonly command?: string | undefined
  readonly exitCode?: ExitCode
  readonly cause?: unknown
}

export const exitCodes = {
  done: 0,
  bug: 1,
  usage: 2,
  stepFailed: 3,
  checkFailed: 4,
  refused: 5,
  locked: 6,
  interrupted: 130,
  terminated: 143,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
