import { catalogueEntry, type ErrorCode } from './error-catalogue/catalogue.ts'

/**
 * Something a person can act on. `code` is stable; error-catalogue/ says what is true of it wherever it is thrown, the
 * exit code among that. Anything thrown that is not an MlpError is a bug and is shown as one (MLP9000).
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
    this.exitCode = catalogueEntry(problem.code).exitCode
  }
}

export interface Problem {
  readonly code: ErrorCode
  /** One line: what happened, and where. */
  readonly summary: string
  /** Why, with what the tool said. */
  readonly detail?: string | undefined
  /** What to do next, most likely first; each an instruction or a command. */
  readonly remedy: readonly string[]
  readonly command?: string | undefined
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
