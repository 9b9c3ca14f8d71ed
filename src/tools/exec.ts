import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { EngineContext } from '../engine/step.ts'
import { cannotStart, type Ending, failed, interrupted, tookTooLong } from './exec-failure.ts'
import { createMask, type Mask } from './masking.ts'
import { captureHeadAndTail, splitLines } from './output.ts'
import { quoteCommand } from './quote.ts'
import { createStopper, type Patience } from './stopping.ts'

export interface CommandSpec {
  /** Absolute path, or a name found on PATH. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment of the command is process.env, then this; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Secrets go in here or in `env`, never in `args`. */
  readonly input?: string
  /** Values masked in events and errors; see `createMask`. */
  readonly secrets?: readonly string[]
  readonly step?: string
  readonly cloud?: string
  /** The tool's process, which leads a group of its own: for callers that must find it again after a `kill -9` of mlp. */
  readonly onStart?: (pid: number) => void
  /** Each line of output as it comes, not masked; for tools that print JSON lines. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** A line as events and errors show it, for tools that print JSON lines. Default: as it is. */
  readonly toText?: (line: string) => string
  /** Exit codes that are answers, not failures; default [0]. */
  readonly acceptExitCodes?: readonly number[]
  readonly timeoutMs?: number
  /** How long each signal of a timeout waits for the next; default 10 s, then 5 s. */
  readonly patience?: Patience
  /** Of each stream; beyond it the middle is left out. Default 64 MiB. */
  readonly captureLimitBytes?: number
}

export interface CommandResult {
  readonly exitCode: number
  /** As the tool wrote it, not masked. */
  readonly stdout: string
  readonly stderr: string
  /** The middle of `stdout` or `stderr` was left out. */
  readonly truncated: boolean
  readonly durationMs: number
}

/** What runCommand needs of the engine's context. */
export type ExecContext = Pick<EngineContext, 'signal' | 'killSignal' | 'emit'>

const defaultCaptureLimitBytes = 64 * 1024 * 1024
/** What a tool leaves running may hold its output open; after this it is ended, so that nothing is waited for in vain. */
const drainMs = 2_000

/**
 * Runs a tool detached from the terminal's process group, so that one interrupt reaches it exactly once, as SIGINT,
 * when the context's signal aborts; then waits for it, however long it takes to save its work. When the context's
 * `killSignal` aborts, the tool and all it started are killed. Throws MlpError MLP2001 when it cannot be started,
 * MLP2002 when it fails, MLP2003 when it takes longer than `timeoutMs`, MLP2004 when somebody else's signal ended it,
 * MLP5130 when it was interrupted.
 *
 * Because of the detachment a `kill -9` of mlp does not reach the tool. It goes on until it writes to the output that
 * nobody reads any more, which ends most tools, terraform among them; `runLocked` waits for that, and takes up the rest.
 */
export async function runCommand(context: ExecContext, command: CommandSpec): Promise<CommandResult> {
  const secrets = command.secrets ?? []
  refuseSecretArguments(command)
  const mask = createMask(secrets)
  const quoted = quoteCommand({ ...command, env: notInherited(command.env) }, mask)

  const { execa } = await import('execa')
  if (context.signal.aborted) throw interrupted({ file: command.file, quoted, started: false })
  const startedAt = performance.now()
  const child = execa(command.file, [...command.args], {
    // execa's types want the values defined; a name that is left out is not inherited.
    env: environmentOf(command.env),
    extendEnv: false,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.input === undefined ? { stdin: 'ignore' } : { input: command.input }),
    detached: true,
    cleanup: false,
    forceKillAfterDelay: false,
    reject: false,
    buffer: false,
    stripFinalNewline: false,
    encoding: 'buffer',
  })
  const { pid } = child
  if (pid === undefined) {
    const { cause, originalMessage } = await child
    throw await cannotStart(command, quoted, cause, originalMessage)
  }

  command.onStart?.(pid)
  const id = `command-${randomUUID()}`
  const where = {
    ...(command.step === undefined ? {} : { step: command.step }),
    ...(command.cloud === undefined ? {} : { cloud: command.cloud }),
  }
  const { step } = command
  context.emit({
    type: 'command-started',
    id,
    ...where,
    command: quoted,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  })

  const limitBytes = command.captureLimitBytes ?? defaultCaptureLimitBytes
  const captures = { stdout: captureHeadAndTail(limitBytes), stderr: captureHeadAndTail(limitBytes) }
  const lastLines: string[] = []
  const stopper = createStopper(pid, command.patience)
  let callerFailure: { readonly error: unknown } | undefined
  const askCaller = (call: () => void): void => {
    if (callerFailure !== undefined) return
    try {
      call()
    } catch (error) {
      callerFailure = { error }
      stopper.stop()
    }
  }
  const closed = (['stdout', 'stderr'] as const).map(name => {
    const lines = splitLines(line => {
      askCaller(() => command.onLine?.(line, name))
      const shown = forDisplay(command.toText?.(line) ?? line, mask)
      if (shown.trim() !== '') lastLines.push(shown)
      if (lastLines.length > 10) lastLines.shift()
      context.emit({
        type: 'tool-output',
        id,
        ...(step === undefined ? {} : { step }),
        stream: name,
        line: shown,
      })
    })
    return consume(child[name], chunk => {
      captures[name].write(chunk)
      lines.write(chunk)
    }).finally(() => lines.end())
  })

  let timedOut = false
  const timer =
    command.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true
          stopper.stop()
        }, command.timeoutMs)
  context.signal.addEventListener('abort', stopper.interrupt)
  context.killSignal?.addEventListener('abort', stopper.kill)

  const ending = await endOf(child.nodeChildProcess)
  const drained = await Promise.race([
    Promise.all(closed).then(() => true),
    sleep(drainMs, false, { ref: false }),
  ])
  if (!drained) {
    stopper.kill()
    child.stdout.destroy()
    child.stderr.destroy()
    await Promise.all(closed)
  }
  stopper.release()
  clearTimeout(timer)
  context.signal.removeEventListener('abort', stopper.interrupt)
  context.killSignal?.removeEventListener('abort', stopper.kill)
  const durationMs = Math.round(performance.now() - startedAt)
  context.emit({
    type: 'command-finished',
    id,
    ...(step === undefined ? {} : { step }),
    exitCode: ending.exitCode,
    ...(ending.signal === null ? {} : { signal: ending.signal }),
    durationMs,
  })

  const outcome = { file: command.file, quoted, lastLines, durationMs }
  if (callerFailure !== undefined) throw callerFailure.error
  if (timedOut) throw tookTooLong(outcome, command.timeoutMs ?? 0)
  const { exitCode } = ending
  if (exitCode === null || !(command.acceptExitCodes ?? [0]).includes(exitCode)) {
    throw context.signal.aborted ? interrupted({ ...outcome, started: true }) : failed(outcome, ending)
  }
  return {
    exitCode,
    stdout: captures.stdout.text(),
    stderr: captures.stderr.text(),
    truncated: captures.stdout.truncated || captures.stderr.truncated,
    durationMs,
  }
}

/** Anybody on the machine can read a process's arguments; to pass a secret there is a bug of the caller. */
function refuseSecretArguments({ file, args, secrets = [] }: CommandSpec): void {
  const leaks = secrets.some(secret => secret.length >= 8 && args.some(argument => argument.includes(secret)))
  if (leaks) throw new TypeError(`a secret was about to be passed to ${file} as an argument`)
}

function environmentOf(changes: CommandSpec['env'] = {}): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...process.env, ...changes })) {
    if (value !== undefined) environment[name] = value
  }
  return environment
}

/** What a person's own shell would lack: a value that mlp itself was started with is in there, too. */
function notInherited(changes: CommandSpec['env'] = {}): CommandSpec['env'] {
  return Object.fromEntries(
    Object.entries(changes).filter(([name, value]) => value === undefined || process.env[name] !== value),
  )
}

/** One line as a person may see it: masked, and without the sequences that would move a terminal's cursor. */
function forDisplay(line: string, mask: Mask): string {
  return mask(stripVTControlCharacters(line.slice(line.lastIndexOf('\r') + 1)))
}

async function consume(stream: Readable, onChunk: (chunk: Buffer) => void): Promise<void> {
  stream.on('data', onChunk)
  if (!stream.closed) await once(stream, 'close')
}

async function endOf(child: NodeJS.EventEmitter): Promise<Ending> {
  return await new Promise(resolve => {
    child.once('exit', (exitCode: number | null, signal: NodeJS.Signals | null) =>
      resolve({ exitCode, signal }),
    )
  })
}
