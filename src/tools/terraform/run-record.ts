import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { processStartedAt } from '../../engine/process-identity.ts'
import { isMissing } from './missing.ts'
import type { StateLock } from './state-lock.ts'

/**
 * Which terraform processes of ours may hold the state lock. Written before a process starts and again when its pid
 * is known, so that a kill at any moment leaves a proof of whose lock is left behind.
 */
const recordSchema = z.object({
  host: z.string(),
  user: z.string(),
  startedAtMs: z.number(),
  /** null: killed before terraform's pid was known. */
  pid: z.number().nullable(),
  processStartedAt: z.string().nullable(),
})
export type RunRecord = z.infer<typeof recordSchema>

const recordFile = 'mlp-terraform-runs.json'

export function readRuns(folder: string): readonly RunRecord[] {
  let text: string
  try {
    text = readFileSync(join(folder, recordFile), 'utf8')
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
  const parsed = z.array(recordSchema).safeParse(parseJson(text))
  // A record cut short by a kill proves nothing; then nothing is unlocked without the operator.
  return parsed.success ? parsed.data : []
}

/** Synchronous on purpose: nothing may come between the start of terraform and its record. */
export function recordRun(folder: string): { started(pid: number): void; ended(): void } {
  const earlier = readRuns(folder)
  const record = { host: hostname(), user: userInfo().username, startedAtMs: Date.now() }
  writeRuns(folder, [...earlier, { ...record, pid: null, processStartedAt: null }])
  return {
    started: pid =>
      writeRuns(folder, [...earlier, { ...record, pid, processStartedAt: processStartedAt(pid) ?? null }]),
    ended: () => writeRuns(folder, earlier),
  }
}

export function forgetRuns(folder: string): void {
  writeRuns(folder, [])
}

/** The recorded run that holds `lock`; undefined when it is somebody else's. */
export function holderOf(lock: StateLock, runs: readonly RunRecord[]): RunRecord | undefined {
  const clockSlackMs = 2_000
  const startOfLockMs = 600_000
  return runs.find(
    run =>
      lock.who === `${run.user}@${run.host}` &&
      lock.createdAtMs >= run.startedAtMs - clockSlackMs &&
      lock.createdAtMs <= run.startedAtMs + startOfLockMs,
  )
}

/** Whether the recorded terraform still runs; a pid used again by another process does not count. */
export function isAlive(run: RunRecord): boolean {
  if (run.pid === null || run.host !== hostname()) return false
  const startedAt = processStartedAt(run.pid)
  return startedAt !== undefined && startedAt === run.processStartedAt
}

function writeRuns(folder: string, runs: readonly RunRecord[]): void {
  const file = join(folder, recordFile)
  if (runs.length === 0) rmSync(file, { force: true })
  else writeFileSync(file, JSON.stringify(runs), { mode: 0o600 })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
