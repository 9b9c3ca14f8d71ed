import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, statSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { Target } from '../clouds/target.ts'
import { makeFolder } from '../engine/atomic-file.ts'
import { MlpError } from '../engine/errors.ts'
import { daemonProgram, sandboxCode } from './sandbox-code.ts'
import { ask, askDaemon, findDaemon, homeUnusable } from './sandbox-control.ts'

export interface SandboxOptions {
  /** Absolute folder of the sandbox. */
  readonly home: string
  readonly signal: AbortSignal
  /** One calm line about what is waited for. */
  readonly report: (message: string) => void
}

const pollMs = 100
/** Without news. Engines that are built from source, or by another mlp, may take longer than this in all. */
const startTimeoutMs = 15 * 60_000

const texts = z.record(z.string(), z.string())
const targetSchema = z.object({
  name: z.literal('sandbox'),
  environment: texts,
  caFile: z.string(),
  clouds: z.partialRecord(
    z.enum(['aws', 'gcp', 'azure']),
    z.object({
      account: z.string(),
      environment: texts,
      endpoints: texts,
      backend: z.record(z.string(), z.union([z.string(), z.boolean()])),
    }),
  ),
  github: z.object({ apiUrl: z.string(), webUrl: z.string(), environment: texts }).optional(),
})

const statusSchema = z.object({
  home: z.string(),
  pid: z.int(),
  startedAt: z.string(),
  timeScale: z.number(),
  memoryBytes: z.number(),
  real: z.array(z.string()),
  simulated: z.array(z.string()),
  clouds: z.array(z.object({ name: z.string(), endpoint: z.string(), resources: z.number() })),
  processes: z.array(
    z.object({
      name: z.string(),
      pid: z.int().nullable(),
      state: z.enum(['running', 'restarting', 'failed']),
      restarts: z.int(),
      port: z.int().nullable(),
      memoryBytes: z.number().nullable(),
      logFile: z.string(),
    }),
  ),
  clusters: z.array(
    z.object({ name: z.string(), version: z.string(), endpoint: z.string(), running: z.boolean() }),
  ),
  faults: z.array(z.object({ on: z.string(), kind: z.string(), count: z.int() })),
  building: z.array(z.object({ name: z.string(), message: z.string() })),
  starting: z.array(
    z.object({ name: z.string(), state: z.enum(['starting', 'failed']), why: z.string().optional() }),
  ),
})
export type SandboxStatus = z.output<typeof statusSchema>

const handOverReply = z.object({ handedOver: z.boolean().default(true) })

/**
 * The sandbox as a target. Starts its daemon, detached, when none answers; any number of callers may do so at once,
 * since a daemon that finds another one serving its home ends at once. A daemon of other code, which another version of
 * mlp started, is replaced: its data stays, its processes go on. Waits until everything in it answers. Throws MlpError
 * MLP5201 when it cannot be started, MLP5202 when a part of it does not come up.
 */
export async function ensureSandbox(options: SandboxOptions): Promise<Target> {
  const { home, signal, report } = options
  let deadline = Date.now() + startTimeoutMs
  const code = sandboxCode()
  let daemon: DaemonStart | undefined
  let retried = false
  let said = ''
  const say = (message: string) => {
    if (message === said) return
    report(message)
    said = message
    deadline = Date.now() + startTimeoutMs
  }
  for (;;) {
    signal.throwIfAborted()
    const status = await statusOf(home, code)
    if (status === 'other code') {
      daemon = undefined
      say(await replaceDaemon(home))
    } else if (status === undefined) {
      if (daemon?.failure !== undefined) throw startFailed(home, daemon.failure)
      if (daemon === undefined || daemon.ended) {
        say('starting the sandbox')
        daemon = await startDaemon(home, code)
      }
    } else {
      const failed = status.starting.filter(part => part.state === 'failed')
      const down = failed.length > 0 || status.processes.some(one => one.state === 'failed')
      const settled = status.starting.length === 0 && status.processes.every(one => one.state === 'running')
      if (settled) return targetSchema.parse(await ask(home, 'GET', '/target'))
      if (down && retried && status.starting.every(part => part.state === 'failed')) throw partFailed(status)
      if (down && !retried) {
        retried = true
        await ask(home, 'POST', '/start')
      }
      say(`the sandbox is waiting for ${waitingFor(status)}`)
    }
    if (Date.now() > deadline)
      throw startFailed(home, `nothing has happened for ${startTimeoutMs / 60_000} minutes: ${said}`)
    await delay(pollMs, undefined, { signal })
  }
}

/** The sandbox as a target when it runs; undefined when it does not, or is of code that says it otherwise. Starts nothing. */
export async function runningSandbox(home: string): Promise<Target | undefined> {
  return targetSchema.safeParse(await ask(home, 'GET', '/target')).data
}

/** What the daemon says of itself; undefined when none runs. One of other code may word it in another way. */
export async function sandboxStatus(home: string): Promise<SandboxStatus | 'other code' | undefined> {
  return statusOf(home, sandboxCode())
}

async function statusOf(home: string, code: string): Promise<SandboxStatus | 'other code' | undefined> {
  const daemon = await findDaemon(home)
  const answer = daemon === undefined ? undefined : await askDaemon(daemon, 'GET', '/status')
  if (answer === undefined) return undefined
  return daemon?.code === code ? statusSchema.parse(answer) : 'other code'
}

/** Asks a daemon of other code to leave, and says what is waited for. */
async function replaceDaemon(home: string): Promise<string> {
  // What cannot hand over can stop: its processes are started again then.
  const reply = await ask(home, 'POST', '/hand-over').catch(() => ask(home, 'POST', '/stop'))
  return handOverReply.parse(reply ?? {}).handedOver
    ? 'the running sandbox is of another version of mlp and is replaced; its data and processes stay'
    : 'the running sandbox is of another version of mlp; waiting for the terraform that uses it, then it is replaced'
}

/** Variables for the official command-line tools; null where one must be unset. */
export async function sandboxEnvironment(home: string): Promise<Readonly<Record<string, string | null>>> {
  return z.record(z.string(), z.string().nullable()).parse(await ask(home, 'GET', '/env'))
}

/**
 * Ends all its processes, whether or not its daemon lives; keeps its data. False when there was nothing to end. Throws
 * MlpError MLP5203 when something does not end.
 */
export async function stopSandbox(home: string): Promise<boolean> {
  if (!existsSync(home)) return false
  let ran = hasProcesses(home)
  const before = outputSize(home)
  const output = await openOutput(home)
  // Waits until no daemon is there any more, and ends what one that was killed left running: it knows how.
  const cleaner = spawn(process.execPath, [daemonProgram(), home, 'stop'], {
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const ended = once(cleaner, 'exit')
  try {
    // Told more than once: a daemon that is only starting begins to listen later.
    while (cleaner.exitCode === null && cleaner.signalCode === null) {
      ran = (await tellToStop(home)) || ran
      await Promise.race([ended, delay(pollMs)])
    }
  } finally {
    cleaner.kill()
  }
  if (cleaner.exitCode !== 0) throw stopFailed(home, await lastWords(home, before))
  await rm(join(home, 'daemon.json'), { force: true })
  return ran
}

/** False when no daemon answers. */
async function tellToStop(home: string): Promise<boolean> {
  try {
    return (await ask(home, 'POST', '/stop')) !== undefined
  } catch (error) {
    // Which daemon that was, is lost; whether one lives, its lock tells.
    if (error instanceof MlpError && error.code === 'MLP5207') return false
    throw error
  }
}

/** Stops it and deletes everything it kept. False when there was nothing. */
export async function removeSandbox(home: string): Promise<boolean> {
  if (!existsSync(home)) return false
  await stopSandbox(home)
  // A daemon that was only starting may write its last words meanwhile.
  await rm(home, { recursive: true, force: true, maxRetries: 5 })
  return true
}

function hasProcesses(home: string): boolean {
  const folder = join(home, 'processes')
  return existsSync(folder) && readdirSync(folder).length > 0
}

function waitingFor(status: SandboxStatus): string {
  const [program] = status.building
  if (program !== undefined) return `${program.name}: ${program.message}`
  const parts = status.starting.map(part => part.name)
  const processes = status.processes.filter(one => one.state !== 'running').map(one => one.name)
  return [...new Set([...parts, ...processes])].join(', ')
}

interface DaemonStart {
  ended: boolean
  failure: string | undefined
}

async function startDaemon(home: string, code: string): Promise<DaemonStart> {
  const before = outputSize(home)
  const output = await openOutput(home)
  // Whoever stops the sandbox takes it away: a daemon that is only starting by then finds it gone, and ends.
  const ticket = randomUUID()
  await makeFolder(join(home, 'starting'))
  await writeFile(join(home, 'starting', ticket), '')
  const child = spawn(process.execPath, [daemonProgram(), home, 'serve', code, ticket], {
    cwd: home,
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  child.unref()
  const start: DaemonStart = { ended: false, failure: undefined }
  child.once('error', error => {
    start.failure = error.message
  })
  child.once('exit', code => {
    // Exit 0: another daemon was quicker.
    if (code === 0) start.ended = true
    else
      void lastWords(home, before).then(words => {
        start.failure = words
      })
  })
  return start
}

async function openOutput(home: string): Promise<number> {
  try {
    await makeFolder(join(home, 'log'))
    return openSync(outputFile(home), 'a', 0o600)
  } catch (error) {
    throw homeUnusable(home, error)
  }
}

function outputFile(home: string): string {
  return join(home, 'log', 'daemon.out')
}

function outputSize(home: string): number {
  return statSync(outputFile(home), { throwIfNoEntry: false })?.size ?? 0
}

/** What it wrote since then, the end of it. */
async function lastWords(home: string, since: number): Promise<string> {
  const output = await readFile(outputFile(home))
  return output.subarray(since).toString('utf8').trim().split('\n').slice(-10).join('\n')
}

function startFailed(home: string, detail: string): MlpError {
  return new MlpError({
    code: 'MLP5201',
    summary: 'the sandbox does not start',
    detail,
    remedy: [
      `read ${join(home, 'log', 'daemon.log')}`,
      'mlp sandbox stop, then the same command again',
      'mlp doctor',
    ],
  })
}

function stopFailed(home: string, detail?: string): MlpError {
  return new MlpError({
    code: 'MLP5203',
    summary: 'the sandbox does not stop',
    ...(detail === undefined ? {} : { detail }),
    remedy: [`read ${join(home, 'log', 'daemon.log')}`, 'mlp sandbox stop'],
  })
}

function partFailed(status: SandboxStatus): MlpError {
  const parts = status.starting.map(part => `${part.name}: ${part.why ?? 'no reason given'}`)
  const processes = status.processes
    .filter(one => one.state === 'failed')
    .map(one => `${one.name}: see ${one.logFile}`)
  return new MlpError({
    code: 'MLP5202',
    summary: 'a part of the sandbox does not come up',
    detail: [...parts, ...processes].join('\n'),
    remedy: [
      'run the same command again, it starts only what is missing',
      'mlp doctor',
      'mlp sandbox status',
    ],
  })
}
