import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from './errors.ts'
import type { RecordStore } from './record-store.ts'
import { readState, type StateDocument } from './state-document.ts'

const document = 'state.json'

/** Google Cloud Storage takes one write a second to the same object. https://cloud.google.com/storage/quotas */
const betweenWritesMs = 1_000

/** What all machines know of a platform, as it was found. */
export interface SharedState {
  readonly document: StateDocument | undefined
  /** What was found but could not be understood: to be kept, since the next write replaces it. */
  readonly damaged: { readonly text: string; readonly reason: string } | undefined
  readonly version: string | undefined
}

/** Throws MlpError MLP5210 when a newer mlp wrote it, and what the store throws when it cannot be asked. */
export async function readSharedState(store: RecordStore, signal: AbortSignal): Promise<SharedState> {
  const found = await store.read(document, signal)
  if (found.state !== 'found') return { document: undefined, damaged: undefined, version: undefined }
  const { text, version } = found
  const read = readState(text, `${store.place}/${document}`)
  return read.kind === 'damaged'
    ? { document: undefined, damaged: { text, reason: read.reason }, version }
    : { document: read.document, damaged: undefined, version }
}

/** Keeps the copy that all machines see as new as this machine's, one write at a time. */
export interface StateUpload {
  /** Soon; the latest of several is sent. */
  push(state: StateDocument): void
  /** Sends what is left; what still could not be sent is thrown. Afterwards nothing is sent any more. */
  end(signal: AbortSignal): Promise<void>
}

/**
 * Sends on condition of the version that was read or written last, so that no other machine's change is ever
 * overwritten unseen: whoever finds a document of a higher fencing number stops (MLP5228), whoever finds one of a lower
 * number replaces it, because its writer had lost the lease.
 */
export function startUpload(
  store: RecordStore,
  found: SharedState,
  betweenMs = betweenWritesMs,
): StateUpload {
  const life = new AbortController()
  let { version } = found
  let unsent: StateDocument | undefined
  let sending: Promise<void> | undefined

  const send = async (signal: AbortSignal): Promise<void> => {
    const state = unsent
    if (state === undefined) return
    if ((found.document?.fence ?? 0) > state.fence) throw overtaken(store)
    const text = `${JSON.stringify(state, null, 2)}\n`
    for (let turn = 0; turn < 5; turn++) {
      const written = await store.write(document, text, version, signal)
      const now = written === undefined ? await store.read(document, signal) : undefined
      if (now === undefined || (now.state === 'found' && now.text === text)) {
        version = written ?? (now?.state === 'found' ? now.version : undefined)
        if (unsent === state) unsent = undefined
        return
      }
      if (now.state === 'found') {
        const theirs = readState(now.text, `${store.place}/${document}`)
        if (theirs.kind !== 'damaged' && theirs.document.fence > state.fence) throw overtaken(store)
      }
      version = now.state === 'found' ? now.version : undefined
    }
    throw new MlpError({
      code: 'MLP5229',
      summary: `the record ${store.place}/${document} changes too quickly to be written`,
      remedy: ['Run the same command again; this machine has kept what was done.'],
    })
  }
  /** A failure is met again by end(), which tells it: this machine's own copy is whole meanwhile. */
  const sendSoon = (): void => {
    sending ??= (async () => {
      while (unsent !== undefined) {
        await send(life.signal)
        await delay(betweenMs, undefined, { signal: life.signal, ref: false })
      }
    })()
      .catch(() => undefined)
      .finally(() => {
        sending = undefined
      })
  }
  return {
    push(state) {
      if (life.signal.aborted) return
      unsent = state
      sendSoon()
    },
    async end(signal) {
      life.abort()
      await sending
      await send(signal)
    },
  }
}

function overtaken(store: RecordStore): MlpError {
  return new MlpError({
    code: 'MLP5228',
    summary: `the record ${store.place}/${document} was written by a later run`,
    detail:
      'This run lost the lock of the platform; what it did since then is recorded on this machine only.',
    remedy: ['mlp status', 'Then run the same command again; every step asks the world.'],
  })
}
