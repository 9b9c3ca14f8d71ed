import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import * as z from 'zod'
import type { PodWorker } from '../pod-worker.ts'

/** What a client has of a command's streams; those that it did not ask for are missing. */
export interface ExecStreams {
  readonly stdin: Readable | undefined
  readonly stdout: Writable | undefined
  readonly stderr: Writable | undefined
  /** Of a terminal: its sizes, as JSON one after another. */
  readonly resize: Readable | undefined
  /** How it ended, as a Status object. */
  readonly error: Writable
}

export interface ExecRequest {
  readonly command: readonly string[]
  readonly terminal: boolean
  /** Of `stdin`, `stdout`, `stderr` and `resize`. */
  readonly streams: readonly string[]
}

/** From the kubelet's own query parameters. In a terminal, errors are output. */
export function execRequest(query: URLSearchParams): ExecRequest {
  const isAsked = (name: string) => ['1', 'true'].includes(query.get(name) ?? '')
  return {
    command: query.getAll('command'),
    terminal: isAsked('tty'),
    streams: [
      ...(isAsked('input') ? ['stdin'] : []),
      ...(isAsked('output') ? ['stdout'] : []),
      ...(isAsked('error') && !isAsked('tty') ? ['stderr'] : []),
      ...(isAsked('tty') ? ['resize'] : []),
    ],
  }
}

/** Runs a command in a container until it ends or the client leaves. */
export async function runInContainer(
  worker: PodWorker,
  container: string,
  command: readonly string[],
  streams: ExecStreams,
  left: AbortSignal,
): Promise<void> {
  const known = await worker.loop(container)?.execCommand(command)
  const [file, ...args] = known?.line ?? []
  if (file === undefined)
    return end(streams, { status: 'Failure', reason: 'InternalError', message: 'container not running' })
  const child = spawn(file, args, { env: { ...known?.env }, stdio: 'pipe', detached: true })
  // nsenter waits for the command as its child: both are of one group.
  left.addEventListener('abort', () => endGroup(child), { once: true })
  child.stdin.on('error', () => undefined)
  if (streams.stdin === undefined) child.stdin.end()
  else streams.stdin.pipe(child.stdin)
  connect(child.stdout, streams.stdout)
  connect(child.stderr, streams.stderr ?? streams.stdout)
  child.on('error', error =>
    end(streams, { status: 'Failure', reason: 'InternalError', message: error.message }),
  )
  child.on('close', code => end(streams, outcome(code ?? 137)))
}

const sizeSchema = z.object({ Width: z.int().positive(), Height: z.int().positive() })

/** The same in a terminal of its own, whose size follows the client's. */
export async function runInTerminal(
  worker: PodWorker,
  container: string,
  command: readonly string[],
  streams: ExecStreams,
  left: AbortSignal,
): Promise<void> {
  const known = await worker.loop(container)?.execCommand(command)
  const [file, ...args] = known?.line ?? []
  if (file === undefined)
    return end(streams, { status: 'Failure', reason: 'InternalError', message: 'container not running' })
  // A library of native code, which only this needs.
  const { spawn: spawnInTerminal } = await import('@lydell/node-pty')
  const terminal = spawnInTerminal(file, args, {
    name: 'xterm-256color',
    cols: 80,
    rows: 24,
    cwd: '/',
    env: { TERM: 'xterm-256color', ...known?.env },
    encoding: null,
  })
  left.addEventListener('abort', () => terminal.kill('SIGKILL'), { once: true })
  terminal.onData(data => void streams.stdout?.write(data))
  streams.stdin?.on('data', (chunk: Buffer) => terminal.write(chunk.toString('utf8')))
  // One message a size: clients send no two at once.
  streams.resize?.on('data', (chunk: Buffer) => {
    const size = sizeSchema.safeParse(parseJson(chunk.toString('utf8')))
    if (size.success) terminal.resize(size.data.Width, size.data.Height)
  })
  terminal.onExit(({ exitCode, signal }) =>
    end(streams, outcome(signal === undefined || signal === 0 ? exitCode : 128 + signal)),
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '')
  } catch {
    return undefined
  }
}

function outcome(code: number): object {
  if (code === 0) return { status: 'Success' }
  return {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with exit code ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}

function connect(from: Readable, to: Writable | undefined): void {
  if (to === undefined) from.resume()
  else from.pipe(to, { end: false })
}

function end({ error, stdout, stderr }: ExecStreams, status: object): void {
  stdout?.end()
  stderr?.end()
  error.end(JSON.stringify({ metadata: {}, ...status }))
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, 'SIGKILL')
}
