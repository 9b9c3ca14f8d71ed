import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessSpec, ProcessSupervisor } from '../../sandbox/src/kubernetes/process-supervisor.ts'

const restartDelayMs = 100
const killAfterMs = 10_000

export interface TestProcesses extends ProcessSupervisor {
  stopAll(): Promise<void>
}

interface Running {
  readonly spec: ProcessSpec
  child: ChildProcess
  stopping: boolean
}

/** Keeps processes as long as a test runs, and starts again what ends: the sandbox daemon's supervisor without its memory. */
export function createTestProcesses(): TestProcesses {
  const running = new Map<string, Running>()

  function start(spec: ProcessSpec): ChildProcess {
    const log = openSync(spec.logFile, 'a', 0o600)
    const child = spawn(spec.file, spec.args, { cwd: spec.cwd, env: spec.env, stdio: ['ignore', log, log] })
    closeSync(log)
    child.once('exit', () => {
      setTimeout(() => {
        const process = running.get(spec.name)
        if (process !== undefined && process.child === child && !process.stopping) process.child = start(spec)
      }, restartDelayMs)
    })
    return child
  }

  async function stop(name: string): Promise<void> {
    const process = running.get(name)
    if (process === undefined) return
    process.stopping = true
    running.delete(name)
    if (process.child.exitCode !== null || process.child.signalCode !== null) return
    const gone = once(process.child, 'exit')
    process.child.kill('SIGTERM')
    const killer = setTimeout(() => process.child.kill('SIGKILL'), killAfterMs)
    await gone
    clearTimeout(killer)
  }

  return {
    async ensure(spec) {
      const process = running.get(spec.name)
      if (process !== undefined && JSON.stringify(process.spec) === JSON.stringify(spec)) return
      await stop(spec.name)
      running.set(spec.name, { spec, child: start(spec), stopping: false })
    },
    stop,
    pid(name) {
      const child = running.get(name)?.child
      return child === undefined || child.exitCode !== null || child.signalCode !== null
        ? undefined
        : child.pid
    },
    async stopAll() {
      await Promise.all([...running.keys()].map(stop))
    },
  }
}

/** Asks until the answer is not undefined; fails, saying what it waited for, when that takes longer than `timeoutMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await delay(50)
  }
}
