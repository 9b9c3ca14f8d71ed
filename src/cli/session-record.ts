import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../engine/errors.ts'
import type { Emit, EventBody } from '../engine/events.ts'
import { toMlpError } from '../engine/failure.ts'
import type { Lease } from '../engine/lock.ts'
import { createSharedRecord, type History, type SharedRecord } from '../engine/record.ts'
import { readSharedState } from '../engine/record-copy.ts'
import type { RecordStore } from '../engine/record-store.ts'
import type { Guard } from '../engine/run.ts'
import type { StateStore } from '../engine/state.ts'

export interface JoinOptions {
  readonly store: RecordStore
  readonly state: StateStore
  /** This host's own; a command that changes nothing has none. */
  readonly lease: Lease | undefined
  readonly prepareStep: string
  /** What this run calls itself to a run that lends it the lease; see `SharedRecord`. */
  readonly borrower?: string | undefined
  /** How long it waits for a lease that somebody else holds. */
  readonly lockWaitMs?: number
  /** The folder of all runs' logs on this machine, each in one of its own, named by its id. */
  readonly runs: string
  readonly runId: string
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** See `SharedRecord`. */
export interface JoinedRecord {
  readonly guard: Guard
  readonly lend: SharedRecord['lend']
  observe(event: EventBody): void
  /** Sends the history too, with those that earlier runs could not send. Ends as `close` does. */
  finish(): Promise<readonly string[]>
  close(): Promise<readonly string[]>
}

const lookTimeoutMs = 5_000
const lockPollMs = 2_000
/** Stands in the folder of a run as long as its history is on this machine only; so a killed run's is sent by the next. */
const unsent = 'unsent'

/**
 * Joins what all machines share of a platform. Throws MlpError MLP5220 (exit 6) at once when another machine holds the
 * lease. When the cloud does not answer, the gates say why, and `guard` lets no step begin. A command that changes
 * nothing only looks, and goes on without an answer.
 */
export async function joinRecord(options: JoinOptions): Promise<JoinedRecord> {
  const { lease } = options
  if (lease === undefined) {
    await look(options)
    const nothing = async () => []
    return {
      guard: async () => undefined,
      lend: (_, work) => work(),
      observe: () => undefined,
      finish: nothing,
      close: nothing,
    }
  }
  await writeFile(join(options.runs, options.runId, unsent), '', { mode: 0o600 })
  const record = createSharedRecord({ ...options, lease })
  try {
    await takeWithPatience(record, options)
  } catch (error) {
    if (!(error instanceof MlpError && error.code.startsWith('MLP3'))) {
      await record.close()
      throw error
    }
  }
  return {
    guard: record.guard,
    lend: record.lend,
    observe: record.observe,
    finish: async () => record.close(await unsentHistories(options.runs)),
    close: () => record.close(),
  }
}

/** Asks again while somebody else holds the lease, as long as was said. */
async function takeWithPatience(record: SharedRecord, options: JoinOptions): Promise<void> {
  const { lockWaitMs = 0, emit, signal } = options
  const until = performance.now() + lockWaitMs
  for (let told = false; ; told = true) {
    try {
      return await record.take()
    } catch (error) {
      if (!(error instanceof MlpError) || error.code !== 'MLP5220' || performance.now() >= until) throw error
      if (!told) emit({ type: 'notice', level: 'info', message: `waits for the lock: ${error.message}` })
      await delay(lockPollMs, undefined, { signal })
    }
  }
}

/** Nobody else writes them: the caller holds the lease of this machine. */
async function unsentHistories(runs: string): Promise<readonly History[]> {
  const ids = (await readdir(runs)).filter(id => existsSync(join(runs, id, unsent)))
  return ids.map(runId => ({
    runId,
    read: () => readFile(join(runs, runId, 'events.ndjson'), 'utf8'),
    sent: () => rm(join(runs, runId, unsent), { force: true }),
  }))
}

async function look({ store, state, emit, signal }: JoinOptions): Promise<void> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(lookTimeoutMs)])
    const { document } = await readSharedState(store, patience)
    if (document !== undefined) await state.adopt(document)
  } catch (error) {
    signal.throwIfAborted()
    const message = `what other machines recorded in ${store.place} cannot be read: ${toMlpError(error, store.place).message}`
    emit({ type: 'notice', level: 'warning', message })
  }
}
