import type { CommanderError } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { exitCodes } from '../engine/errors.ts'
import type { Io } from './io.ts'
import { createProgram } from './program.ts'

export interface Start {
  /** Absolute path of bin/mlp.js, and the folder of its package. */
  readonly mlpPath: string
  readonly packageRoot: string
}

const output = { stdout: process.stdout, stderr: process.stderr, version: packageJson.version }

/** Runs the command line of this process and sets its exit code. */
export async function main(start: Start): Promise<void> {
  process.stdout.once('error', error => {
    process.stdout.on('error', () => undefined)
    void outputIsLost(error)
  })
  // Where nothing can be said any more, the exit code says it.
  process.stderr.on('error', () => undefined)
  const cwd = workingFolder()
  if (cwd === undefined) {
    const { folderIsGone, showError } = await import('./show-error.ts')
    process.exitCode = showError(folderIsGone(), { json: false, verbose: false }, output)
    return
  }
  const io: Io = {
    args: process.argv.slice(2),
    ...output,
    stdin: process.stdin,
    env: process.env,
    cwd,
    ...start,
  }
  process.exitCode = await runCommandLine(io.args, io)
}

/** A run that is at work stops in order, as after Ctrl-C; anything else is over. */
async function outputIsLost(error: Error): Promise<void> {
  // A reader that has seen enough (`mlp status | head`) is no error.
  let exitCode: number = exitCodes.done
  if (!('code' in error && error.code === 'EPIPE')) {
    const { showError } = await import('./show-error.ts')
    exitCode = showError(error, { json: false, verbose: false }, output)
  }
  if (process.listenerCount('SIGINT') > 0) process.kill(process.pid, 'SIGINT')
  else process.exit(exitCode)
}

/** Undefined when it was removed. */
function workingFolder(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** Parses, runs, and shows what went wrong. Never throws. */
export async function runCommandLine(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = exitCodes.done
  const program = createProgram(
    async (command, options) => {
      const { dispatch } = await import('./dispatch.ts')
      exitCode = await dispatch(command, options, io)
    },
    {
      version: io.version,
      writeOut: text => io.stdout.write(text),
      writeErr: text => io.stderr.write(text),
      columns: io.stdout.columns,
    },
  )
  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // commander has said already what is wrong with the command line; help and --version end here too.
    if (isCommanderError(error)) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const { showError } = await import('./show-error.ts')
    return showError(error, { json: args.includes('--json'), verbose: isVerbose(args) }, io)
  }
}

function isVerbose(args: readonly string[]): boolean {
  return args.includes('--verbose') || args.includes('-v')
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
