import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import * as z from 'zod'

/** The program as users start it. */
export const mlpPath = fileURLToPath(new URL('../../bin/mlp.js', import.meta.url))

export interface Finished {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

/** A folder of a platform and a sandbox of its own, gone (processes included) when `dispose` returns. */
export interface Playground {
  readonly folder: string
  readonly sandboxHome: string
  /** What mlp keeps of the platform: state, runs, kubeconfig, terraform's working folders. */
  readonly platformHome: string
  readonly env: Readonly<Record<string, string>>
  mlp(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished>
  start(args: readonly string[], env?: Readonly<Record<string, string>>, launch?: Launch): Running
  /** No sandbox and no memory any more: the world as it was before the first command. */
  startOver(): Promise<void>
  dispose(): Promise<void>
}

export interface Launch {
  /** The mlp.js of another checkout; default: this one's. */
  readonly program?: string
  /** Options of the node that is started, before the program. */
  readonly nodeOptions?: readonly string[]
  /** A command that runs the command it is given. */
  readonly wrapper?: readonly string[]
}

export interface Running {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  /** NDJSON lines of stdout so far. */
  events(): readonly RunEvent[]
}

const eventSchema = z.looseObject({
  type: z.string(),
  step: z.string().optional(),
  state: z.string().optional(),
  why: z.string().optional(),
  result: z.string().optional(),
  cloud: z.string().optional(),
  gate: z.string().optional(),
  outcome: z.string().optional(),
})
export type RunEvent = z.infer<typeof eventSchema>

export function parseEvents(stdout: string): readonly RunEvent[] {
  return stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => eventSchema.parse(JSON.parse(line)))
}

/** What a test that expected a good end shows of another: the steps that did not come to theirs, errors included. */
export function failuresOf({ stdout, signal }: Finished): readonly unknown[] {
  const bad = parseEvents(stdout).filter(
    ({ type, state }) =>
      type === 'step-finished' && ['failed', 'blocked', 'interrupted', 'left'].includes(state ?? ''),
  )
  return signal === null ? bad : [...bad, { signal }]
}

/** The command ended well; what it said and what failed is in the message otherwise. */
export function expectSuccess(finished: Finished): void {
  expect({ exitCode: finished.exitCode, failed: failuresOf(finished) }, finished.stderr).toEqual({
    exitCode: 0,
    failed: [],
  })
}

export async function createPlayground(extra: Readonly<Record<string, string>> = {}): Promise<Playground> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-e2e-'))
  const sandboxHome = join(folder, 'sandbox')
  const env = {
    MLP_SANDBOX_HOME: sandboxHome,
    MLP_SANDBOX_TIME_SCALE: '0',
    CI: 'true',
    NO_COLOR: '1',
    ...extra,
  }
  const start: Playground['start'] = (args, more = {}, launch = {}) =>
    startMlp(folder, { ...env, ...more }, args, launch)
  const startOver = async () => {
    const reset = await start(['sandbox', 'reset', '--yes']).finished
    if (reset.exitCode !== 0) throw new Error(`sandbox reset failed: ${reset.stderr}`)
    await rm(join(folder, '.mlp'), { recursive: true, force: true })
  }
  return {
    folder,
    sandboxHome,
    platformHome: join(folder, '.mlp', 'sandbox', 'ml-platform-dev'),
    env,
    start,
    mlp: (args, more) => start(args, more).finished,
    startOver,
    async dispose() {
      await startOver()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** mlp in a folder of the caller's, on whatever target its mlp.yaml names. */
export function runMlp(folder: string, args: readonly string[]): Promise<Finished> {
  return startMlp(folder, {}, args).finished
}

/** mlp under another host name, in a UTS namespace of its own: what another machine is to it. Linux only. */
export function startMlpOn(
  host: string,
  folder: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Running {
  const namespace = process.getuid?.() === 0 ? ['--uts'] : ['--user', '--map-root-user', '--uts']
  const script = 'hostname "$0" && exec "$@"'
  return startMlp(folder, env, args, { wrapper: ['unshare', ...namespace, 'sh', '-c', script, host] })
}

function startMlp(
  cwd: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  { program = mlpPath, nodeOptions = [], wrapper = [] }: Launch = {},
): Running {
  const startedAt = performance.now()
  const [file = '', ...rest] = [...wrapper, process.execPath, ...nodeOptions, program, ...args]
  const child = spawn(file, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let read = 0
  const parsed: RunEvent[] = []
  const events = () => {
    const end = stdout.lastIndexOf('\n') + 1
    parsed.push(...parseEvents(stdout.slice(read, end)))
    read = end
    return parsed
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) =>
      resolve({ exitCode, signal, stdout, stderr, durationMs: performance.now() - startedAt }),
    )
  })
  return { child, finished, events }
}
