import { now } from '../hub.ts'
import type { Job, Records, Run } from '../records.ts'

export interface RunRecords {
  save(run: Run): Run
  saveJob(job: Job): Job
  /** Of the run's present attempt, in the order in which they were made. */
  jobsOf(run: Run): readonly Job[]
  /** Keeps the deployment of a job that is about an environment; nothing for other jobs. */
  note(job: Job, state: 'waiting' | 'queued' | 'in_progress' | 'success' | 'failure' | 'inactive'): void
}

/** What the runner keeps of runs, their jobs and their deployments. */
export function runRecords(records: Records): RunRecords {
  const save = (run: Run) => records.runs.put(`${run.repositoryId}/${run.id}`, { ...run, updatedAt: now() })
  const saveJob = (job: Job) => records.jobs.put(`${job.repositoryId}/${job.runId}/${job.id}`, job)
  const jobsOf = (run: Run) =>
    records.jobs
      .list(`${run.repositoryId}/${run.id}/`)
      .filter(job => job.attempt === run.attempt)
      .sort((one, other) => one.id - other.id)

  function note(
    job: Job,
    state: 'waiting' | 'queued' | 'in_progress' | 'success' | 'failure' | 'inactive',
  ): void {
    if (job.environment === null) return
    const run = records.runs.get(`${job.repositoryId}/${job.runId}`)
    const known = records.deployments.list(`${job.repositoryId}/`).find(one => one.jobId === job.id)
    const at = now()
    const id = known?.id ?? records.nextId()
    if (run === undefined || known?.state === state) return
    records.deployments.put(`${job.repositoryId}/${id}`, {
      id,
      runId: job.runId,
      jobId: job.id,
      environment: job.environment.name,
      ref: run.ref,
      sha: run.sha,
      creator: run.actor,
      createdAt: known?.createdAt ?? at,
      updatedAt: at,
      state,
    })
  }

  return { save, saveJob, jobsOf, note }
}

/** A job that ended although its steps had not: the one at work ended so, what comes after it is skipped. */
export function brokenOff(
  job: Job,
  atWork: 'cancelled' | 'failure',
  message: string,
  title: string | null,
): Job {
  const at = now()
  return {
    ...job,
    status: 'completed',
    conclusion: 'failure',
    completedAt: at,
    annotations: [...job.annotations, { level: 'failure', message, title }],
    steps: job.steps.map(step =>
      step.status === 'completed'
        ? step
        : {
            ...step,
            status: 'completed',
            conclusion: step.status === 'in_progress' ? atWork : 'skipped',
            completedAt: at,
          },
    ),
  }
}
