import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unforeseenDiskProblem } from '../engine/disk-problem.ts'
import type { ExitCode } from '../engine/errors.ts'
import { MlpError } from '../engine/errors.ts'
import { toEventError } from '../engine/failure.ts'
import type { Io } from './io.ts'

export interface ErrorView {
  readonly json: boolean
  readonly verbose: boolean
}

/** The one place where an error is shown. Returns the exit code that goes with it. */
export function showError(
  error: unknown,
  view: ErrorView,
  io: Pick<Io, 'stdout' | 'stderr' | 'version'>,
): ExitCode {
  const shown = error instanceof MlpError ? error : (unforeseenDiskProblem(error) ?? bug(error, io.version))
  io.stderr.write(errorText(shown))
  if (view.verbose && error instanceof Error && error.stack !== undefined)
    io.stderr.write(`\n${error.stack}\n`)
  if (view.json) {
    const body = { schemaVersion: 1, type: 'error', error: toEventError(shown) }
    io.stdout.write(`${JSON.stringify(body)}\n`)
  }
  return shown.exitCode
}

/** Exit 2: what the command was called in is not there any more. */
export function folderIsGone(): MlpError {
  return new MlpError({
    code: 'MLP1015',
    summary: 'the folder that this command was called in was removed',
    remedy: ['cd to the folder of your platform, then run the same command again.'],
  })
}

function errorText(error: MlpError): string {
  const blocks = [`Error ${error.code}: ${error.message}`]
  if (error.detail !== undefined && error.detail !== '') blocks.push(indent(error.detail))
  if (error.command !== undefined) blocks.push(`Command:\n${indent(error.command)}`)
  if (error.remedy.length > 0) {
    blocks.push(`What to do:\n${error.remedy.map(line => `  - ${line}`).join('\n')}`)
  }
  blocks.push(`More: mlp help ${error.code}`)
  return `${blocks.join('\n\n')}\n`
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map(line => `  ${line}`)
    .join('\n')
}

function bug(error: unknown, version: string): MlpError {
  const message = error instanceof Error ? error.message : String(error)
  const details = error instanceof Error ? (error.stack ?? message) : message
  const file = writeBugReport(`mlp ${version}, node ${process.version}, ${process.platform}\n\n${details}\n`)
  return new MlpError({
    code: 'MLP9000',
    summary: 'this is a bug in mlp',
    detail: message,
    remedy: [
      file === undefined ? 'Run it again with --verbose to see where.' : `Report it with ${file}.`,
      'What was done is recorded; the same command goes on from there.',
    ],
    cause: error,
  })
}

/** Undefined when it cannot be written: the bug at hand is shown all the same. */
function writeBugReport(text: string): string | undefined {
  const file = join(tmpdir(), `mlp-bug-${Date.now()}-${process.pid}.txt`)
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
    return file
  } catch {
    return undefined
  }
}
