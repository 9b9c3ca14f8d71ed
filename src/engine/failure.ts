import { exitCodes, MlpError } from './errors.ts'
import type { EventError } from './events.ts'

/** What was thrown, as something to show: an MlpError as it is, anything else as the bug it is (MLP9000). */
export function toMlpError(thrown: unknown, where: string): MlpError {
  if (thrown instanceof MlpError) return thrown
  const said = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new MlpError({
    code: 'MLP9000',
    summary: `A bug in mlp, in ${where}: ${said.message}`,
    detail: said.stack,
    remedy: [
      'Run the same command again: what is done is kept.',
      'Please report it with the log of this run; the log holds no secrets.',
    ],
    exitCode: exitCodes.bug,
    cause: thrown,
  })
}

export function toEventError(error: MlpError): EventError {
  return {
    code: error.code,
    summary: error.message,
    detail: error.detail,
    remedy: error.remedy,
    command: error.command,
  }
}
