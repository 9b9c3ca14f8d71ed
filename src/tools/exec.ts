import type { EngineContext } from '../engine/step.ts'

export interface CommandSpec {
  /** Absolute path, or a name found on PATH. */
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment of the command is process.env, then this; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Secrets go in here or in `env`, never in `args`. */
  readonly input?: string
  /** Values masked in events and logs. */
  readonly secrets?: readonly string[]
  readonly step?: string
  readonly cloud?: string
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** Called synchronously once the process runs. */
  readonly onStart?: (pid: number) => void
  /** Exit codes that are answers, not failures; default [0]. */
  readonly acceptExitCodes?: readonly number[]
  readonly timeoutMs?: number
}

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

/**
 * Runs a tool detached from the terminal's process group, so that one interrupt reaches it exactly once, as SIGINT,
 * when the context's signal aborts; then waits for it. Throws MlpError MLP2001 when it cannot be started, MLP2002
 * when it fails, MLP2003 when it takes longer than `timeoutMs`, MLP5130 when it was interrupted.
 */
export async function runCommand(_context: EngineContext, _command: CommandSpec): Promise<CommandResult> {
  throw new Error('not built yet')
}
