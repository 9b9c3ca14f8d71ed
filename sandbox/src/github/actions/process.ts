import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

export interface StepProcess {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly onLine: (line: string) => void
  readonly signal: AbortSignal
}

/** How long a step may take to end after it was asked, in GitHub's own steps: interrupt, terminate, kill. */
const patienceMs = { interrupt: 7_500, terminate: 2_500 }

/** Runs a program in a process group of its own; its exit code. What it leaves in the background goes on: see endTracked. */
export async function runStep(step: StepProcess): Promise<number> {
  const child = spawn(step.file, [...step.args], {
    cwd: step.cwd,
    env: { ...step.environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)))
  })
  const closed = Promise.all([lines(child.stdout, step.onLine), lines(child.stderr, step.onLine)])
  const end = () => void endGroup(child.pid, ended)
  step.signal.addEventListener('abort', end, { once: true })
  if (step.signal.aborted) end()
  try {
    const code = await ended
    // A background process may hold the pipes open for ever; what the step itself wrote has arrived by then.
    await Promise.race([closed, delay(1_000)])
    return code
  } finally {
    step.signal.removeEventListener('abort', end)
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

async function endGroup(pid: number | undefined, ended: Promise<number>): Promise<void> {
  const over = ended.then(
    () => true,
    () => true,
  )
  signalGroup(pid, 'SIGINT')
  if (await Promise.race([over, delay(patienceMs.interrupt, false)])) return
  signalGroup(pid, 'SIGTERM')
  if (await Promise.race([over, delay(patienceMs.terminate, false)])) return
  signalGroup(pid, 'SIGKILL')
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Hands on whole lines, and the last one without its end. */
async function lines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const parts = (rest + text).split(/\r?\n/)
    rest = parts.pop() ?? ''
    for (const part of parts) onLine(part)
  })
  await once(stream, 'close').catch(() => undefined)
  if (rest !== '') onLine(rest)
}

/** The variable by which everything that a job started is found again, also by a later daemon. */
export const trackingVariable = 'RUNNER_TRACKING_ID'

/** The variable's value: unique for this sandbox and this job; without a job, how all of the sandbox's begin. */
export function trackingId(home: string, jobId: number | ''): string {
  return `mlp:${home}:${jobId}`
}

/** Ends every process that was started with this tracking id (or one that begins so), whatever became of its parents. */
export async function endTracked(beginning: string): Promise<void> {
  if (process.platform !== 'linux') return
  const entries = await readdir('/proc').catch(() => [])
  await Promise.all(
    entries
      .filter(name => /^\d+$/.test(name) && name !== String(process.pid))
      .map(async name => {
        const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '')
        if (!environment.split('\0').some(one => one.startsWith(`${trackingVariable}=${beginning}`))) return
        try {
          process.kill(Number(name), 'SIGKILL')
        } catch {
          // It ended by itself meanwhile.
        }
      }),
  )
}
