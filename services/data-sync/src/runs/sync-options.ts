import type { CopyContext } from '../copy/copy-context.ts'
import type { JobSpec } from '../job-spec.ts'
import type { Semaphore } from '../semaphore.ts'
import type { ObjectResult } from './object-result.ts'
import type { RunProgress } from './run-progress.ts'

export interface SyncOptions {
  readonly spec: Pick<JobSpec, 'include' | 'exclude' | 'deletions'>
  readonly copy: CopyContext
  readonly dryRun: boolean
  /** Objects at once. */
  readonly slots: Semaphore
  /** Kept up to date while it runs. */
  readonly progress: RunProgress
  /** May wait, when results come faster than they can be kept. */
  readonly record: (result: ObjectResult) => Promise<void>
}
