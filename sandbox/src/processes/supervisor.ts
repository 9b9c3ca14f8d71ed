import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { ProcessSpec, ProcessSupervisor } from '../kubernetes/process-supervisor.ts'
import { listens } from './listens.ts'
import { identify, type ProcessIdentity } from './process-identity.ts'

const recordSchema = z.strictObject({
  name: z.string(),
  pid: z.int().positive(),
  startedAt: z.string(),
  specification: z.string(),
  logFile: z.string(),
  stopSignal: z.literal('SIGINT').optional(),
})
type ProcessRecord = z.output<typeof recordSchema>

interface ProcessStatus {
  readonly name: string
  readonly pid: number | undefined
  /** `failed`: it ended too often; see its log file. */
  readonly state: 'running' | 'restarting' | 'failed'
  readonly restarts: number
  readonly logFile: string
}

export interface Supervisor extends ProcessSupervisor {
  /**
   * With `port`, the loopback port it will listen on: throws when another program has taken it, which would
   * otherwise be mistaken for the one that was started.
   */
  ensure(spec: ProcessSpec, port?: number): Promise<void>
  list(): readonly ProcessStatus[]
  /** Ends every process, also those that an earlier daemon started. */
  stopAll(): Promise<void>
  /** Lets go of the processes without ending them. */
  detach(): void
}

interface Supervised {
  readonly spec: ProcessSpec
  readonly specification: string
  running: ProcessIdentity | undefined
  failed: boolean
  restarts: number
  /** When it was started again lately, in milliseconds. */
  recentRestarts: number[]
}

const watchMs = 1000
const restartLimit = { count: 5, withinMs: 60_000 }
const stopDeadlineMs = 10_000
const largestLogBytes = 10 << 20

/**
 * Keeps the sandbox's programs running. They are detached and recorded with pid and start time below `folder`, so
 * that they outlive a crashed daemon and the next one adopts them; a specification holds secrets (environment), so
 * only its hash is recorded.
 */
export async function openSupervisor(folder: string, log: (message: string) => void): Promise<Supervisor> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const records = new Map((await readRecords(folder, log)).map(record => [record.name, record]))
  const supervised = new Map<string, Supervised>()
  const queue = new Map<string, Promise<unknown>>()

  /** One change of one process at a time. */
  function exclusively<T>(name: string, change: () => Promise<T>): Promise<T> {
    const next = (queue.get(name) ?? Promise.resolve()).then(change, change)
    queue.set(name, next)
    return next
  }

  async function launch(entry: Supervised): Promise<void> {
    const { spec } = entry
    await mkdir(dirname(spec.logFile), { recursive: true, mode: 0o700 })
    const output = await open(spec.logFile, 'a', 0o600)
    try {
      const child = spawn(spec.file, [...spec.args], {
        cwd: spec.cwd,
        env: { ...spec.env },
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
      })
      const pid = await spawned(child)
      const identity = await identify(pid)
      entry.running = identity
      // A program that ended at once has no identity any more; the watch starts it again.
      if (identity === undefined) return
      const record = {
        name: spec.name,
        ...identity,
        specification: entry.specification,
        logFile: spec.logFile,
        ...(spec.stopSignal === undefined ? {} : { stopSignal: spec.stopSignal }),
      }
      records.set(spec.name, record)
      await writeRecord(folder, record)
      child.once('exit', () => void exclusively(spec.name, () => revive(spec.name)))
      child.unref()
    } finally {
      await output.close()
    }
  }

  async function revive(name: string): Promise<void> {
    const entry = supervised.get(name)
    if (entry === undefined || entry.failed || detached) return
    if (entry.running !== undefined && (await isSame(entry.running))) return
    entry.running = undefined
    const now = Date.now()
    entry.recentRestarts = entry.recentRestarts.filter(at => now - at < restartLimit.withinMs)
    if (entry.recentRestarts.length >= restartLimit.count) {
      entry.failed = true
      log(
        `${name} ended ${restartLimit.count} times within a minute and stays down; see ${entry.spec.logFile}`,
      )
      return
    }
    entry.recentRestarts.push(now)
    entry.restarts += 1
    log(`${name} ended by itself; starting it again`)
    // Doubling waits keep a program that cannot start from taking a processor.
    await delay(100 * 2 ** entry.recentRestarts.length)
    if (supervised.get(name) === entry && !detached) await launch(entry)
  }

  async function end(name: string): Promise<void> {
    const running = supervised.get(name)?.running ?? records.get(name)
    const signal = supervised.get(name)?.spec.stopSignal ?? records.get(name)?.stopSignal ?? 'SIGTERM'
    supervised.delete(name)
    if (running !== undefined) await endProcess(running, signal)
    records.delete(name)
    await rm(recordFile(folder, name), { force: true })
  }

  let detached = false
  const watch = setInterval(() => {
    for (const [name, entry] of supervised) {
      void exclusively(name, () => revive(name))
      void boundLog(entry.spec.logFile, log)
    }
  }, watchMs)
  watch.unref()

  return {
    ensure: (spec, port) =>
      exclusively(spec.name, async () => {
        const specification = createHash('sha256').update(JSON.stringify(spec)).digest('hex')
        const known = supervised.get(spec.name)
        if (
          known?.specification === specification &&
          known.running !== undefined &&
          (await isSame(known.running))
        )
          return
        const record = records.get(spec.name)
        const entry = {
          spec,
          specification,
          running: undefined,
          failed: false,
          restarts: 0,
          recentRestarts: [],
        }
        if (record !== undefined && (await isSame(record))) {
          if (record.specification === specification) {
            supervised.set(spec.name, { ...entry, running: record })
            return
          }
          await end(spec.name)
        }
        if (port !== undefined && (await listens(port)))
          throw new Error(`port ${port} of 127.0.0.1 is taken by another program`)
        supervised.set(spec.name, entry)
        await launch(entry)
      }),
    stop: name => exclusively(name, () => end(name)),
    pid: name => supervised.get(name)?.running?.pid,
    list: () =>
      [...supervised].map(([name, entry]) => ({
        name,
        pid: entry.running?.pid,
        state: entry.failed ? 'failed' : entry.running === undefined ? 'restarting' : 'running',
        restarts: entry.restarts,
        logFile: entry.spec.logFile,
      })),
    async stopAll() {
      const names = new Set([...supervised.keys(), ...records.keys()])
      await Promise.all([...names].map(name => exclusively(name, () => end(name))))
    },
    detach() {
      detached = true
      clearInterval(watch)
    },
  }
}

async function spawned(child: ChildProcess): Promise<number> {
  await once(child, 'spawn')
  if (child.pid === undefined) throw new Error('a started program has no process id')
  return child.pid
}

async function isSame(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startedAt === identity.startedAt
}

/** Asks the process group to end, SIGKILL when it does not listen. */
async function endProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  const deadline = Date.now() + stopDeadlineMs
  let killed = false
  for (let first = true; await isSame(identity); first = false) {
    const late = Date.now() > deadline
    if (late && killed && Date.now() > deadline + stopDeadlineMs)
      throw new Error(`process ${identity.pid} survives SIGKILL`)
    if (first) signalGroup(identity.pid, signal)
    else if (late && !killed) {
      signalGroup(identity.pid, 'SIGKILL')
      killed = true
    }
    await delay(20)
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // It ended by itself meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Log files are appended to, so emptying one in place is safe while its program writes. */
async function boundLog(file: string, log: (message: string) => void): Promise<void> {
  try {
    if ((await stat(file)).size > largestLogBytes) await truncate(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    log(`cannot bound ${file}: ${String(error)}`)
  }
}

function recordFile(folder: string, name: string): string {
  return join(folder, `${name.replaceAll('/', '~')}.json`)
}

async function writeRecord(folder: string, record: ProcessRecord): Promise<void> {
  const file = recordFile(folder, record.name)
  await writeFile(`${file}.new`, JSON.stringify(record), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

async function readRecords(
  folder: string,
  log: (message: string) => void,
): Promise<readonly ProcessRecord[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.json'))
  const read = await Promise.all(
    names.map(async name => {
      try {
        return [recordSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))]
      } catch (error) {
        log(`ignoring the unreadable process record ${name}: ${String(error)}`)
        return []
      }
    }),
  )
  return read.flat()
}
