import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { isMissing } from './missing.ts'
import type { StateLock } from './state-lock.ts'

/**
 * Which terraform processes of ours may have left the state locked. Written before a process starts, so that a kill
 * at any moment leaves a proof of whose lock is left behind.
 */
const recordSchema = z.object({
  host: z.string(),
  user: z.string(),
  startedAtMs: z.number(),
  /** null: mlp was killed before terraform ended. */
  endedAtMs: z.number().nullable(),
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
  // A record that cannot be read proves nothing; then nothing is unlocked without the operator.
  return parsed.success ? parsed.data : []
}

/** Synchronous on purpose: nothing may come between the record and the start of terraform. */
export function recordRun(folder: string): { ended(): void; withdraw(): void } {
  const earlier = readRuns(folder)
  const record = { host: hostname(), user: userInfo().username, startedAtMs: Date.now(), endedAtMs: null }
  writeRuns(folder, [...earlier, record])
  return {
    /** It may have left its lock. */
    ended: () => writeRuns(folder, [...earlier, { ...record, endedAtMs: Date.now() }]),
    /** It gave its lock back, or never had it. */
    withdraw: () => writeRuns(folder, earlier),
  }
}

export function forgetRuns(folder: string): void {
  writeRuns(folder, [])
}

/** Whether the lock was taken, on this host, by the recorded run. That the run is over has to be known already. */
export function isOurs(lock: StateLock, run: RunRecord): boolean {
  const clockSlackMs = 2_000
  const startOfLockMs = 600_000
  return (
    run.host === hostname() &&
    lock.who === `${run.user}@${run.host}` &&
    lock.createdAtMs >= run.startedAtMs - clockSlackMs &&
    lock.createdAtMs <= (run.endedAtMs ?? run.startedAtMs + startOfLockMs)
  )
}

function writeRuns(folder: string, runs: readonly RunRecord[]): void {
  const file = join(folder, recordFile)
  if (runs.length === 0) {
    rmSync(file, { force: true })
    return
  }
  // A record that a kill cut short would prove nothing.
  writeFileSync(`${file}.new`, JSON.stringify(runs), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
