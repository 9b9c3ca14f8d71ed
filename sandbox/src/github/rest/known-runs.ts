import { GithubError, notFound } from '../errors.ts'
import { findJob } from '../hub.ts'
import type { Job, Repository, Run } from '../records.ts'
import { type Call, numberParam } from './call.ts'

export function runOf(call: Call, repository: Repository): Run {
  const found = call.hub.records.runs.get(`${repository.id}/${numberParam(call, 'run_id')}`)
  if (found === undefined) throw notFound()
  return found
}

export function jobsOf(call: Call, run: Run): readonly Job[] {
  const all = call.hub.records.jobs.list(`${run.repositoryId}/${run.id}/`)
  return [...all].sort((one, other) => one.id - other.id)
}

/** The job of the path, and its run. */
export function jobOf(
  call: Call,
  repository: Repository,
  name: 'job_id' | 'check_run_id' = 'job_id',
): { readonly run: Run; readonly job: Job } {
  const found = findJob(call.hub.records, repository.id, numberParam(call, name))
  if (found === undefined) throw notFound()
  return found
}

/** What is still at work cannot be begun again. */
export function requireFinished(run: Run, what: string): void {
  if (run.status !== 'completed')
    throw new GithubError(403, `This workflow run cannot be ${what} because it is still running.`)
}
