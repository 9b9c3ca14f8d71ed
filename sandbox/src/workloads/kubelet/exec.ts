import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { systemPath } from '../network/private-network.ts'
import type { PodWorker } from '../pod-worker.ts'

/** What a client has of a command's streams; those that it did not ask for are missing. */
export interface ExecStreams {
  readonly stdin: Readable | undefined
  readonly stdout: Writable | undefined
  readonly stderr: Writable | undefined
  /** How it ended, as a Status object. */
  readonly error: Writable
}

export interface ExecRequest {
  readonly command: readonly string[]
  /** Of `stdin`, `stdout` and `stderr`. */
  readonly streams: readonly string[]
}

/** From the kubelet's own query parameters. A terminal is not given to the command: its errors join its output. */
export function execRequest(query: URLSearchParams): ExecRequest {
  const isAsked = (name: string) => ['1', 'true'].includes(query.get(name) ?? '')
  return {
    command: query.getAll('command'),
    streams: [
      ...(isAsked('input') ? ['stdin'] : []),
      ...(isAsked('output') ? ['stdout'] : []),
      ...(isAsked('error') && !isAsked('tty') ? ['stderr'] : []),
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
  const line = await worker.loop(container)?.execCommand(command)
  const [file, ...args] = line ?? []
  if (file === undefined)
    return end(streams, { status: 'Failure', reason: 'InternalError', message: 'container not running' })
  const child = spawn(file, args, { env: { PATH: systemPath }, stdio: 'pipe', detached: true })
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
  child.on('close', code => {
    if (code === 0) return end(streams, { status: 'Success' })
    const shown = String(code ?? 137)
    return end(streams, {
      status: 'Failure',
      reason: 'NonZeroExitCode',
      message: `command terminated with exit code ${shown}`,
      details: { causes: [{ reason: 'ExitCode', message: shown }] },
    })
  })
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
