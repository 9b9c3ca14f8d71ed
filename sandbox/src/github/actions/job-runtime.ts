import type { Scope } from './expressions.ts'
import type { JobLog } from './job-log.ts'
import type { JobRequest } from './job-request.ts'

/** A job while it runs. */
export interface JobRuntime {
  readonly request: JobRequest
  readonly workspace: string
  readonly temp: string
  readonly home: string
  readonly log: JobLog
  /** Of every process; GITHUB_ENV adds to it. */
  readonly environment: Record<string, string>
  /** GITHUB_PATH adds at its beginning. */
  path: readonly string[]
  /** `env` of the workflow and the job. */
  readonly jobEnvironment: Record<string, string>
  readonly steps: Record<string, unknown>
  failed: boolean
  cancelled: boolean
  /** What actions do after the last step, in reverse. */
  readonly afterwards: ((failed: boolean) => Promise<void>)[]
  annotate(level: 'notice' | 'warning' | 'failure', message: string, title: string | null): void
  scope(): Scope
  summary(): string
  newFile(name: string): string
}
