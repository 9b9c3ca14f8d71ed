import { dirname } from 'node:path'
import { systemErrorCode } from './atomic-file.ts'
import type { ErrorCode } from './error-catalogue/catalogue.ts'
import { MlpError } from './errors.ts'

const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])
const noRight: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** A failed write as something a person can act on; what is no error of the system stays what it is. */
export function diskProblem(code: ErrorCode, file: string, error: unknown): unknown {
  const system = systemErrorCode(error)
  if (system === undefined) return error
  const full = noRoom.has(system)
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

/** MLP5215 for a file that nobody foresaw could not be written or read: no room, no right. Undefined for any other error. */
export function unforeseenDiskProblem(error: unknown): MlpError | undefined {
  const system = systemErrorCode(error)
  if (!(error instanceof Error) || system === undefined) return undefined
  const paths = ['dest', 'path'].map(name => Object.getOwnPropertyDescriptor(error, name)?.value)
  const file = paths.find(path => typeof path === 'string')
  const full = noRoom.has(system)
  if (!full && !(noRight.has(system) && file !== undefined)) return undefined
  const where = file === undefined ? '' : ` ${dirname(file)}`
  return new MlpError({
    code: 'MLP5215',
    summary: full
      ? `The disk is full${file === undefined ? '' : `: ${file}`}`
      : `${file} is not yours to use`,
    detail: `${error.message}. What was recorded before is intact.`,
    remedy: full
      ? [
          `Free some space: df -h${where}`,
          'Then run the same command again; it goes on from where it stopped.',
        ]
      : [`Look at who owns it: ls -ld${where} ${file}`, 'Then run the same command again.'],
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
