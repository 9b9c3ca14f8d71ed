import type { World } from '../world.ts'
import type { Job, Records, Repository, Run } from './records.ts'

/** A change of one ref, as a push makes it; forty zeros for what was not there or is gone. */
export interface RefChange {
  readonly ref: string
  readonly before: string
  readonly after: string
}

/** What a workflow can be started by. */
export interface HubEvent {
  readonly name: 'push' | 'pull_request' | 'workflow_dispatch' | 'schedule'
  readonly action?: string
  readonly ref: string
  readonly sha: string
  /** The files that a push or a pull request changes. */
  readonly files: readonly string[]
  readonly payload: Readonly<Record<string, unknown>>
  readonly inputs: Readonly<Record<string, unknown>>
  readonly actor: string
  /** Of a dispatch: that workflow alone. */
  readonly workflowPath?: string
}

/** What the API and git tell the runner. */
export interface Actions {
  /** Starts every workflow that the event fits; the ids of their runs. */
  trigger(repository: Repository, event: HubEvent): Promise<readonly number[]>
  /** Brings the known workflows up to what the default branch holds. */
  refresh(repository: Repository): Promise<void>
  cancel(repository: Repository, runId: number): void
  /** Of all its jobs, or of those that failed and what needs them. */
  rerun(repository: Repository, runId: number, which: 'all' | 'failed' | number, login: string): void
  /** Goes on with the jobs that waited for these environments, or ends them. */
  review(repository: Repository, runId: number, environments: readonly string[], approved: boolean): void
  /** Ends what runs of a repository that goes away. */
  forget(repository: Repository): void
}

/** Everything that one request may need. */
export interface Hub {
  readonly world: World
  readonly records: Records
  /** Absolute folder of all that is no record: repositories, logs, work. */
  readonly folder: string
  readonly actions: Actions
}

export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The branch or tag without what stands before it. */
export function branchOf(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '')
}

/** The branches of the pull request that an event is about; empty when it is about none. */
export function refsOfPull(payload: Run['payload']): { readonly head: string; readonly base: string } {
  const pull = payload['pull_request']
  const name = (side: unknown) =>
    typeof side === 'object' && side !== null && 'ref' in side ? String(side.ref) : ''
  if (typeof pull !== 'object' || pull === null) return { head: '', base: '' }
  return {
    head: name('head' in pull ? pull.head : undefined),
    base: name('base' in pull ? pull.base : undefined),
  }
}

export function findRepository(
  { records }: Pick<Hub, 'records'>,
  owner: string,
  name: string,
): Repository | undefined {
  const [wantedOwner, wantedName] = [owner.toLowerCase(), name.toLowerCase().replace(/\.git$/, '')]
  return records.repositories
    .list()
    .find(one => one.owner.toLowerCase() === wantedOwner && one.name.toLowerCase() === wantedName)
}

/** A job by its id alone, and its run. */
export function findJob(
  records: Records,
  repositoryId: number,
  id: number,
): { readonly run: Run; readonly job: Job } | undefined {
  const key = records.jobs.keys(`${repositoryId}/`).find(one => one.endsWith(`/${id}`))
  const job = key === undefined ? undefined : records.jobs.get(key)
  const run = job === undefined ? undefined : records.runs.get(`${repositoryId}/${job.runId}`)
  return job === undefined || run === undefined ? undefined : { run, job }
}
