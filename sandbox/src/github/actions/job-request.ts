import type { World } from '../../world.ts'
import type { Job, Records, Repository, Run } from '../records.ts'
import type { Bases } from '../rest/bases.ts'
import type { JobDefinition, Workflow } from './workflow.ts'

/** What all of the runner is given. */
export interface ActionsOptions {
  readonly world: World
  readonly records: Records
  /** Absolute folder of all that is no record. */
  readonly folder: string
  readonly bases: Bases
  /** What every tool of the sandbox is told. */
  toolEnvironment(): Readonly<Record<string, string>>
}

/** One job that is to run. */
export interface JobRequest {
  readonly options: ActionsOptions
  readonly repository: Repository
  readonly run: Run
  readonly job: Job
  readonly workflow: Workflow
  readonly definition: JobDefinition
  /** `needs` as expressions see it. */
  readonly needs: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
  readonly variables: Readonly<Record<string, string>>
  /** Aborts when the job is cancelled. */
  readonly signal: AbortSignal
  save(job: Job): void
}
