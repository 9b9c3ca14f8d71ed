import type { RetryPolicy } from '../retry.ts'
import type { Semaphore } from '../semaphore.ts'
import type { Store } from '../stores/store.ts'
import type { StoreError } from '../stores/store-error.ts'
import type { UploadMemory } from './upload-memory.ts'

/** What copying needs from the run that it belongs to. Destinations are called by their numbers, from 0. */
export interface CopyContext {
  readonly source: Store
  readonly destination: (target: number) => Store
  readonly uploads: UploadMemory
  /** In bytes: no content is read before it has its place in memory. */
  readonly memory: Semaphore
  readonly policy: RetryPolicy
  readonly signal: AbortSignal
  readonly onSent: (target: number, bytes: number) => void
}

export type CopyResult =
  | {
      readonly target: number
      readonly outcome: 'copied'
      readonly bytesSent: number
      /** Left by an interrupted copy, and not sent again. */
      readonly bytesThere: number
      readonly contentHash: string
    }
  | { readonly target: number; readonly outcome: 'failed'; readonly error: StoreError }
