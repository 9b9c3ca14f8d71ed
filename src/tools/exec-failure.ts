import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { basename, isAbsolute } from 'node:path'
import { MlpError } from '../engine/errors.ts'

export interface Ending {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

interface Outcome {
  readonly file: string
  readonly quoted: string
  /** Masked. */
  readonly lastLines: readonly string[]
  readonly durationMs: number
}

/** MLP2001: the program, its folder or the right to run it is missing. */
export async function cannotStart(
  command: { readonly file: string; readonly cwd?: string },
  quoted: string,
  cause: unknown,
  message: string | undefined,
): Promise<MlpError> {
  const name = basename(command.file)
  const { detail, remedy } = await whyNotStarted(command, message)
  return new MlpError({
    code: 'MLP2001',
    summary: `${name} could not be started`,
    detail,
    remedy: [remedy],
    command: quoted,
    cause,
  })
}

async function whyNotStarted(
  { file, cwd }: { readonly file: string; readonly cwd?: string },
  message: string | undefined,
): Promise<{ readonly detail: string; readonly remedy: string }> {
  if (cwd !== undefined && !(await isFolder(cwd))) {
    return {
      detail: `its folder ${cwd} does not exist`,
      remedy: 'Run the same command again; mlp makes it anew.',
    }
  }
  if (isAbsolute(file) && (await exists(file))) {
    return {
      detail: `${file} exists but cannot be run: ${message ?? 'unknown reason'}`,
      remedy: `Make it executable for this user and built for this machine: chmod u+x ${file}; or remove it, and mlp gets it anew.`,
    }
  }
  return isAbsolute(file)
    ? { detail: `${file} does not exist`, remedy: 'Run `mlp doctor`: it says how the tool is got.' }
    : {
        detail: `${file} is not on PATH`,
        remedy: `Install ${file}, or add its folder to PATH; \`mlp doctor\` says more.`,
      }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK)
    return true
  } catch {
    return false
  }
}

/** MLP2002, with what the tool said last; MLP2004 when a signal ended it, so that it could not tidy up. */
export function failed(outcome: Outcome, { exitCode, signal }: Ending): MlpError {
  const how = exitCode === null ? `was ended by ${signal ?? 'a signal'}` : `failed with exit code ${exitCode}`
  return new MlpError({
    code: exitCode === null ? 'MLP2004' : 'MLP2002',
    summary: `${basename(outcome.file)} ${how}`,
    detail: said(outcome),
    remedy: [
      ...(signal === 'SIGKILL' ? ['It was killed from outside: look for a lack of memory (`dmesg`).'] : []),
      'Read what it said; the command above can be run by hand. Then run the same mlp command again.',
    ],
    command: outcome.quoted,
  })
}

/** MLP2003. */
export function tookTooLong(outcome: Outcome, timeoutMs: number): MlpError {
  return new MlpError({
    code: 'MLP2003',
    summary: `${basename(outcome.file)} was stopped: it took longer than ${seconds(timeoutMs)}`,
    detail: said(outcome),
    remedy: [
      'Run the same command again; if it repeats, run the command above by hand and see where it waits.',
    ],
    command: outcome.quoted,
  })
}

/** MLP5130: the user's doing, so nothing is wrong. */
export function interrupted(
  outcome: { readonly file: string; readonly quoted: string; readonly lastLines?: readonly string[] } & {
    readonly started: boolean
  },
): MlpError {
  const name = basename(outcome.file)
  return new MlpError({
    code: 'MLP5130',
    summary: outcome.started ? `${name} was interrupted` : `${name} was not started: interrupted before`,
    ...(outcome.lastLines === undefined ? {} : { detail: said({ lastLines: outcome.lastLines }) }),
    remedy: ['Run the same command again: it goes on from here.'],
    command: outcome.quoted,
  })
}

function said({ lastLines }: Pick<Outcome, 'lastLines'>): string {
  return lastLines.length === 0 ? 'It printed nothing.' : lastLines.join('\n')
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 100) / 10} s`
}
