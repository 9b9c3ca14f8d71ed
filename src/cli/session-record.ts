import { readFile } from 'node:fs/promises'
import { MlpError } from '../engine/errors.ts'
import type { Emit, EventBody } from '../engine/events.ts'
import { toMlpError } from '../engine/failure.ts'
import type { Lease } from '../engine/lock.ts'
import { createSharedRecord } from '../engine/record.ts'
import { readSharedState } from '../engine/record-copy.ts'
import type { RecordStore } from '../engine/record-store.ts'
import type { StateStore } from '../engine/state.ts'

export interface JoinOptions {
  readonly store: RecordStore
  readonly state: StateStore
  /** This host's own; a command that changes nothing has none. */
  readonly lease: Lease | undefined
  readonly prepareStep: string
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** See `SharedRecord`. */
export interface JoinedRecord {
  guard(step: string): Promise<void>
  observe(event: EventBody): void
  close(history?: { readonly runId: string; readonly file: string }): Promise<readonly string[]>
}

const lookTimeoutMs = 5_000

/**
 * Joins what all machines share of a platform. Throws MlpError MLP5220 (exit 6) at once when another machine holds the
 * lease. When the cloud does not answer, the gates say why, and `guard` lets no step begin. A command that changes
 * nothing only looks, and goes on without an answer.
 */
export async function joinRecord(options: JoinOptions): Promise<JoinedRecord> {
  const { lease } = options
  if (lease === undefined) {
    await look(options)
    return { guard: async () => undefined, observe: () => undefined, close: async () => [] }
  }
  const record = createSharedRecord({ ...options, lease })
  try {
    await record.take()
  } catch (error) {
    if (!(error instanceof MlpError && error.code.startsWith('MLP3'))) {
      await record.close()
      throw error
    }
  }
  return {
    guard: record.guard,
    observe: record.observe,
    close: history =>
      record.close(history && { runId: history.runId, read: () => readFile(history.file, 'utf8') }),
  }
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
