import { unforeseenDiskProblem } from './disk-problem.ts'
import { catalogueEntry } from './error-catalogue/catalogue.ts'
import { MlpError } from './errors.ts'
import type { EventError } from './events.ts'

/**
 * What was thrown, as something to show: an MlpError as it is, a disk without room or right as MLP5215, anything else
 * as the bug it is (MLP9000).
 */
export function toMlpError(thrown: unknown, where: string): MlpError {
  if (thrown instanceof MlpError) return thrown
  const disk = unforeseenDiskProblem(thrown)
  if (disk !== undefined) return disk
  const said = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new MlpError({
    code: 'MLP9000',
    summary: `A bug in mlp, in ${where}: ${said.message}`,
    detail: said.stack,
    remedy: [
      'Run the same command again: what is done is kept.',
      'Please report it with the log of this run; the log holds no secrets.',
    ],
    cause: thrown,
  })
}

/** What an aborted signal makes of a call that it was given to. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError'
}

/** The error as data, for events and `--json`. */
export function toEventError(error: MlpError): EventError {
  const { owner, retryable } = catalogueEntry(error.code)
  return {
    code: error.code,
    owner,
    retryable,
    summary: error.message,
    detail: error.detail,
    remedy: error.remedy,
    command: error.command,
  }
}
