import { dirname } from 'node:path'
import { systemErrorCode } from './atomic-file.ts'
import type { ErrorCode } from './error-catalogue/catalogue.ts'
import { MlpError } from './errors.ts'

/** A failed write as something a person can act on; what is no error of the system stays what it is. */
export function diskProblem(code: ErrorCode, file: string, error: unknown): unknown {
  const system = systemErrorCode(error)
  if (system === undefined) return error
  const full = system === 'ENOSPC' || system === 'EDQUOT'
  return new MlpError({
    code,
    summary: full ? `The disk is full: ${file} cannot be written` : `${file} cannot be written`,
    detail: `${error instanceof Error ? error.message : system}. What was recorded before is intact.`,
    remedy: full
      ? [
          `Free some space: df -h ${dirname(file)}`,
          'Then run the same command again; it goes on from where it stopped.',
        ]
      : [`Make it writable for you: ls -ld ${dirname(file)} ${file}`],
    cause: error,
  })
}

/** Does `work`; an error of the system becomes MlpError `code`. */
export async function writing<T>(code: ErrorCode, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw diskProblem(code, file, error)
  }
}
