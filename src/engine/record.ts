import { setImmediate } from 'node:timers/promises'
import { writeFileAtomically } from './atomic-file.ts'
import type { Emit, EventBody } from './events.ts'
import { isAbort, toMlpError } from './failure.ts'
import type { Lease } from './lock.ts'
import { readSharedState, type SharedState, type StateUpload, startUpload } from './record-copy.ts'
import { acquireSharedLease, breakSharedLease, type SharedLease } from './record-lease.ts'
import type { RecordStore } from './record-store.ts'
import type { Guard } from './run.ts'
import type { StateStore } from './state.ts'
import { createTurnstile } from './turnstile.ts'

export interface RecordOptions {
  readonly store: RecordStore
  readonly state: StateStore
  /** This host's own, taken before. */
  readonly lease: Pick<Lease, 'holder' | 'tookOver'>
  /** What this run calls itself to a run that lends it the lease. */
  readonly borrower?: string | undefined
  /** Id of the step that makes the place where the record is kept. */
  readonly prepareStep: string
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** What one run shares with every other machine: the lease, the state and the history. */
export interface SharedRecord {
  /**
   * Takes the lease and what other machines recorded, if the place for both is there. Throws MlpError MLP5220 (exit 6)
   * when another run holds it, and what the store throws: without an answer another run may be at work.
   */
  take(): Promise<void>
  /** Before each step: takes the lease as soon as there is a place for it, and asks whether it is still ours. */
  readonly guard: Guard
  /** To be shown every event, which is how it knows when the place is made, and which steps are at work. */
  observe(event: EventBody): void
  /**
   * Lends the lease while `work` is under way, and goes on from what the borrower recorded; no other step is at work then.
   * Where nothing is shared yet there is nothing to lend. An interrupt leaves it to a borrower who is at work.
   */
  lend<T>(to: string, work: () => Promise<T>): Promise<T>
  /** Sends what is left and gives the lease back. Returns what could not be done. Safe to repeat. */
  close(histories?: readonly History[]): Promise<readonly string[]>
}

/** Of this run, and of earlier ones on this machine that could not send theirs: killed ones, for the most part. */
export interface History {
  readonly runId: string
  /** The run's events, one a line. */
  read(): Promise<string>
  /** Called once all machines can read it. */
  sent(): Promise<void>
}

/** After an interrupt too: a place that does not answer must not hold the operator up. */
const closeTimeoutMs = 20_000

export function createSharedRecord(options: RecordOptions): SharedRecord {
  const { store, state, emit } = options
  let lease: SharedLease | undefined
  let upload: StateUpload | undefined
  let taking: Promise<void> | undefined
  let preparing: PromiseWithResolvers<void> | undefined
  let isMissingTold = false
  let isAbandoned = false
  let closing: Promise<readonly string[]> | undefined
  const turnstile = createTurnstile()

  const acquire = async (above: number): Promise<SharedLease | undefined> => {
    const { holder, tookOver: knownDead } = options.lease
    try {
      const { borrower, signal } = options
      return await acquireSharedLease({ store, holder, knownDead, above, borrower, signal })
    } catch (error) {
      // The write may have arrived all the same, and nobody but us knows that its writer has gone.
      if (isAbort(error)) isAbandoned = true
      throw error
    }
  }
  const takeNow = async (): Promise<void> => {
    lease ??= await acquire(state.fence())
    if (lease === undefined) return
    // Only now: the last holder sent its state before it gave the lease back.
    let shared = await readSharedState(store, options.signal)
    const written = shared.document?.fence ?? 0
    if (written > lease.fence) {
      // Somebody removed the lease's document, and the numbers began anew. Or this machine slept since it took the lease,
      // and others had it meanwhile: then this run is over.
      await lease.raise(written)
      shared = await readSharedState(store, options.signal)
    }
    if (lease.notice !== undefined) emit({ type: 'notice', level: 'warning', message: lease.notice })
    await goOnFrom(lease, shared)
  }
  const goOnFrom = async (held: SharedLease, shared: SharedState): Promise<void> => {
    if (shared.damaged !== undefined) await keepDamaged(options, shared.damaged)
    if (shared.document !== undefined && (await state.adopt(shared.document))) {
      emit({ type: 'notice', level: 'info', message: `goes on from the record in ${store.place}` })
    }
    upload = startUpload(store, shared)
    await state.share({ fence: held.fence, seen: shared.document, push: upload.push })
  }
  const reclaim = async (held: SharedLease): Promise<void> => {
    const { signal } = options
    const patience = signal.aborted ? AbortSignal.timeout(closeTimeoutMs) : signal
    if (!(await held.reclaim(patience, signal.aborted))) {
      lease = undefined
      upload = undefined
      return
    }
    await goOnFrom(held, await readSharedState(store, patience))
  }
  const take = (): Promise<void> => {
    taking ??= takeNow().finally(() => {
      taking = undefined
    })
    return taking
  }

  return {
    take,
    async guard(step, before) {
      await turnstile.enter(step)
      if (upload === undefined) {
        // Lanes begin together. Once the place is being made it is waited for, so that of two machines that begin a new
        // platform only one gets further than this.
        if (step === options.prepareStep) preparing ??= Promise.withResolvers()
        else {
          await setImmediate()
          await preparing?.promise
        }
        await take()
      }
      if (lease !== undefined) {
        preparing?.resolve()
        return before === 'ask' ? await lease.asking(step) : await lease.working(step)
      }
      if (step === options.prepareStep || isMissingTold) return
      isMissingTold = true
      const message = `${store.place} is not there yet: this run is recorded and locked on this machine only`
      emit({ type: 'notice', level: 'warning', message })
    },
    async lend(to, work) {
      const held = lease
      if (held === undefined || upload === undefined) return await work()
      const { end } = upload
      return await turnstile.alone(async () => {
        // The borrower goes on from it.
        await state.settle()
        await end(options.signal)
        await held.lend(to)
        try {
          return await work()
        } finally {
          await reclaim(held)
        }
      })
    },
    observe(event) {
      if (event.type !== 'step-finished') return
      turnstile.leave(event.step)
      if (event.step === options.prepareStep) preparing?.resolve()
    },
    close(histories = []) {
      closing ??= isAbandoned ? giveBack(options) : close(store, lease, upload, histories)
      return closing
    },
  }
}

/** Ends a lease whose taking was interrupted, if it was taken. */
async function giveBack({ store, lease }: RecordOptions): Promise<readonly string[]> {
  try {
    await breakSharedLease(store, lease.holder.id, lease.holder, AbortSignal.timeout(closeTimeoutMs))
    return []
  } catch (error) {
    return [
      `whether the lock in ${store.place} is still there is not known: ${toMlpError(error, store.place).message}`,
    ]
  }
}

async function close(
  store: RecordStore,
  lease: SharedLease | undefined,
  upload: StateUpload | undefined,
  histories: readonly History[],
): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(closeTimeoutMs)
  const problems: string[] = []
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      const { message } = toMlpError(error, store.place)
      problems.push(`${what}: ${signal.aborted ? 'no answer in time' : message}`)
    }
  }
  if (lease === undefined) return problems
  await Promise.all([
    (async () => {
      if (upload !== undefined) {
        await attempt(`the record in ${store.place} is behind; the next run on this machine sends it`, () =>
          upload.end(signal),
        )
      }
      await attempt(
        `the lock in ${store.place} is still there; the next run on this machine removes it`,
        () => lease.release(signal),
      )
    })(),
    ...histories.map(({ runId, read, sent }) =>
      attempt(`the history of run ${runId} is on this machine only; the next run sends it`, async () => {
        await store.write(`runs/${runId}/events.ndjson`, await read(), undefined, signal)
        await sent()
      }),
    ),
  ])
  return problems
}

async function keepDamaged(
  { store, state, emit }: RecordOptions,
  damaged: { readonly text: string; readonly reason: string },
): Promise<void> {
  const kept = `${state.file}.shared-damaged-${new Date().toISOString().replaceAll(':', '-')}`
  await writeFileAtomically(kept, damaged.text)
  const message = `the record in ${store.place} could not be understood (${damaged.reason}). It is kept as ${kept}; this machine's own is used.`
  emit({ type: 'notice', level: 'warning', message })
}
