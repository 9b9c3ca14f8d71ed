import { copyFileSync, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gitFolder, readCommit, resolveCommit } from '../git/git.ts'
import { shownInEvent } from '../git/pushed.ts'
import { type Actions, findRepository, type HubEvent, now } from '../hub.ts'
import type { Job, Repository, Run } from '../records.ts'
import { blockedBy, settleConcurrency } from './concurrency.ts'
import { valuesOf } from './contexts.ts'
import { environmentGate } from './environment-gate.ts'
import { runJob } from './job.ts'
import type { ActionsOptions } from './job-request.ts'
import { newRun } from './new-run.ts'
import { endTracked, trackingId } from './process.ts'
import { conclusionOf, expandJobs, needsOf } from './progress.ts'
import { brokenOff, runRecords } from './run-records.ts'
import { isTriggered } from './triggers.ts'
import type { ReadWorkflow } from './workflow.ts'
import { openWorkflowFiles } from './workflow-files.ts'

/** Two: a matrix shows that it runs side by side, and a small machine has something left. */
const mostJobs = 2

export interface RunningActions extends Actions {
  /** Starts what has a schedule. */
  runSchedules(repository: string): Promise<object>
  /** How many jobs run now. */
  busy(): number
  close(): Promise<void>
}

interface Working {
  readonly job: Job
  readonly abort: AbortController
  readonly done: Promise<void>
}

/** The runner: which workflows an event starts, when each job may, and what came of it. */
export async function openActions(options: ActionsOptions): Promise<RunningActions> {
  const { records, world } = options
  const working = new Map<number, Working>()
  const files = openWorkflowFiles(options)
  const { save, saveJob, jobsOf, note } = runRecords(records)
  let closing = false

  async function trigger(repository: Repository, event: HubEvent): Promise<readonly number[]> {
    if (!repository.actions.enabled) return []
    const made: number[] = []
    const head = await readCommit(gitFolder(options, repository), event.sha)
    if (
      event.name === 'push' &&
      /\[(skip ci|ci skip|no ci|skip actions|actions skip)\]/.test(head?.message ?? '')
    )
      return []
    for (const path of await files.pathsAt(repository, event.sha)) {
      if (event.workflowPath !== undefined && event.workflowPath !== path) continue
      const read = await files.at(repository, event.sha, path)
      if (read === undefined) continue
      // What cannot be read cannot say what it wants to be started by: a push shows it.
      if (read.valid ? !isTriggered(read.workflow, event) : event.name !== 'push') continue
      const record = files.recordOf(repository, path, read)
      if (record.state === 'disabled_manually') continue
      const title = head?.message.split('\n')[0] ?? event.sha
      made.push(save(newRun(options, repository, event, record, read, title)).id)
      schedule()
    }
    return made
  }

  let again = false
  let scheduling: Promise<void> | undefined
  /** Goes over everything that is not finished; once more when something changed meanwhile. */
  function schedule(): void {
    again = true
    scheduling ??= (async () => {
      while (again && !closing) {
        again = false
        for (const repository of records.repositories.list())
          for (const run of records.runs.list(`${repository.id}/`))
            if (run.status !== 'completed') await advance(repository, run).catch(error => giveUp(run, error))
      }
    })().finally(() => {
      scheduling = undefined
      if (again && !closing) schedule()
    })
  }

  function giveUp(run: Run, error: unknown): void {
    world.log(`github: run ${run.id}: ${error instanceof Error ? error.stack : String(error)}`)
    save({ ...run, status: 'completed', conclusion: 'startup_failure', problem: explain(error) })
  }

  async function advance(repository: Repository, given: Run): Promise<void> {
    const read = await files.at(repository, given.sha, given.path)
    let run = records.runs.get(`${repository.id}/${given.id}`)
    if (run === undefined || run.status === 'completed') return
    if (read === undefined || !read.valid) throw new Error(`${given.path} is not there any more`)
    const { workflow } = read
    const others = records.runs.list(`${repository.id}/`)
    if (
      run.status !== 'in_progress' &&
      run.status !== 'waiting' &&
      run.concurrency !== null &&
      !run.cancelling
    ) {
      const verdict = settleConcurrency(run, others)
      for (const id of verdict.cancel) cancel(repository, id)
      if (verdict.waits) {
        if (run.status !== 'pending') save({ ...run, status: 'pending' })
        return
      }
    }
    const context = { options, repository, run, workflow }
    for (const job of expandJobs(context, jobsOf(run))) saveJob(job)
    if (run.cancelling)
      for (const job of jobsOf(run))
        if (job.status !== 'completed' && job.startedAt === null && !mayRunCancelled(job, workflow.jobs))
          endUnstarted(job, 'cancelled')
    for (const job of jobsOf(run))
      if (job.status !== 'completed' && !working.has(job.id)) beginWhenFree(repository, run, job, read)
    const jobs = jobsOf(run)
    run = records.runs.get(`${repository.id}/${given.id}`) ?? run
    const unexpanded = expandJobs({ ...context, run }, jobs).length > 0
    if (unexpanded) {
      again = true
      return
    }
    const isOver =
      jobs.every(job => job.status === 'completed') &&
      Object.keys(workflow.jobs).every(key => jobs.some(job => job.key === key))
    if (isOver) {
      save({ ...run, status: 'completed', conclusion: conclusionOf(run, jobs, workflow) })
      again = true
      return
    }
    const status =
      jobs.some(job => job.status === 'in_progress') ||
      jobs.some(job => job.status === 'completed' && job.startedAt !== null)
        ? 'in_progress'
        : jobs.some(job => job.status === 'waiting')
          ? 'waiting'
          : 'queued'
    if (run.status !== status) save({ ...run, status })
  }

  function mayRunCancelled(
    job: Job,
    jobs: Readonly<Record<string, { readonly if?: string | undefined } | undefined>>,
  ): boolean {
    return /\b(always|cancelled)\s*\(/.test(jobs[job.key]?.if ?? '')
  }

  function endUnstarted(job: Job, conclusion: 'cancelled' | 'failure' | 'skipped', problem?: string): void {
    const at = now()
    saveJob({
      ...job,
      status: 'completed',
      conclusion,
      completedAt: at,
      annotations:
        problem === undefined
          ? job.annotations
          : [...job.annotations, { level: 'failure', message: problem, title: null }],
    })
    note(job, conclusion === 'failure' ? 'failure' : 'inactive')
    again = true
  }

  function cancelJob(job: Job, why?: string): void {
    const atWork = working.get(job.id)
    if (atWork === undefined) endUnstarted(job, 'cancelled', why)
    else atWork.abort.abort()
  }

  function beginWhenFree(
    repository: Repository,
    run: Run,
    job: Job,
    read: ReadWorkflow & { readonly valid: true },
  ): void {
    const definition = read.workflow.jobs[job.key]
    if (definition === undefined) return
    const siblings = jobsOf(run).filter(one => one.key === job.key && one.id !== job.id)
    const limit = definition.strategy?.['max-parallel']
    if (typeof limit === 'number' && siblings.filter(one => one.status === 'in_progress').length >= limit)
      return
    const gate = environmentGate(records, repository, run, job, world.timeScale)
    if (gate.state === 'refused') {
      endUnstarted(job, 'failure', gate.why)
      return
    }
    if (gate.state === 'waiting') {
      if (job.status !== 'waiting') {
        saveJob({ ...job, status: 'waiting' })
        note(job, 'waiting')
      }
      if (gate.again !== undefined) setTimeout(schedule, gate.again).unref()
      return
    }
    const blocked = blockedBy(job, records.jobs.list(`${repository.id}/`))
    for (const one of blocked.cancel) cancelJob(one)
    if (blocked.waits) {
      if (job.status !== 'pending') saveJob({ ...job, status: 'pending' })
      return
    }
    if (working.size >= mostJobs || closing) {
      if (job.status !== 'queued') saveJob({ ...job, status: 'queued' })
      return
    }
    const abort = new AbortController()
    if (run.cancelling && !mayRunCancelled(job, read.workflow.jobs)) abort.abort()
    note(job, 'in_progress')
    const done = runJob({
      options,
      repository,
      run,
      job,
      workflow: read.workflow,
      definition,
      needs: needsOf({ options, repository, run, workflow: read.workflow }, jobsOf(run), definition.needs),
      secrets: valuesOf(records, 'secrets', repository, job.environment?.name),
      variables: valuesOf(records, 'variables', repository, job.environment?.name),
      signal: abort.signal,
      save: saveJob,
    })
      .then(ended => finish(repository, ended, read))
      .catch((error: unknown) => {
        world.log(`github: job ${job.id}: ${error instanceof Error ? error.stack : String(error)}`)
        saveJob({ ...job, status: 'completed', conclusion: 'failure', completedAt: now() })
      })
      .finally(() => {
        working.delete(job.id)
        schedule()
      })
    working.set(job.id, { job, abort, done })
    if (run.status !== 'in_progress') save({ ...run, status: 'in_progress' })
  }

  function finish(repository: Repository, job: Job, read: ReadWorkflow & { readonly valid: true }): void {
    note(job, job.conclusion === 'success' ? 'success' : 'failure')
    const run = records.runs.get(`${repository.id}/${job.runId}`)
    const definition = read.workflow.jobs[job.key]
    if (run === undefined || definition?.strategy === undefined || job.conclusion !== 'failure') return
    if (definition.strategy['fail-fast'] === false || definition['continue-on-error'] === true) return
    for (const sibling of jobsOf(run)) {
      if (sibling.key !== job.key || sibling.status === 'completed') continue
      cancelJob(sibling, 'The strategy configuration was canceled because one of its jobs failed')
    }
  }

  function cancel(repository: Repository, runId: number): void {
    const run = records.runs.get(`${repository.id}/${runId}`)
    if (run === undefined || run.status === 'completed') return
    save({ ...run, cancelling: true })
    for (const job of jobsOf(run)) working.get(job.id)?.abort.abort()
    if (run.status === 'pending' && jobsOf(run).length === 0)
      save({ ...run, cancelling: true, status: 'completed', conclusion: 'cancelled' })
    schedule()
  }

  /** What was running when a daemon was killed has ended with it, and says so. */
  async function takeUp(): Promise<void> {
    const work = join(options.folder, 'work')
    // Without it no job ever began, and there is nothing to look for among all processes.
    if (existsSync(work)) {
      await endTracked(trackingId(world.home, ''))
      await rm(work, { recursive: true, force: true })
    }
    for (const repository of records.repositories.list())
      for (const job of records.jobs.list(`${repository.id}/`))
        if (job.status === 'in_progress') interrupt(job)
    schedule()
  }

  function interrupt(job: Job): void {
    const why = 'The runner has received a shutdown signal: the sandbox ended while this job ran.'
    saveJob(brokenOff(job, 'cancelled', why, 'Interrupted'))
    note(job, 'failure')
  }

  await takeUp()
  return {
    trigger,
    refresh: files.refresh,
    cancel,
    rerun(repository, runId, which, login) {
      const run = records.runs.get(`${repository.id}/${runId}`)
      if (run === undefined) return
      const before = jobsOf(run)
      const attempt = run.attempt + 1
      save({
        ...run,
        attempt,
        status: 'queued',
        conclusion: null,
        startedAt: now(),
        triggeringActor: login,
        cancelling: false,
        approvals: [],
      })
      if (which !== 'all') {
        // Those that are not done again are part of the new attempt as they were.
        const failed = new Set(
          before
            .filter(job => (which === 'failed' ? job.conclusion !== 'success' : job.id === which))
            .map(job => job.key),
        )
        for (const job of before) {
          if (failed.has(job.key)) continue
          const kept = saveJob({ ...job, id: records.nextId(), attempt })
          const log = (id: number) => join(options.folder, 'logs', String(run.id), `${id}.txt`)
          if (existsSync(log(job.id))) copyFileSync(log(job.id), log(kept.id))
        }
      }
      schedule()
    },
    review(repository, runId, environments, approved) {
      const run = records.runs.get(`${repository.id}/${runId}`)
      if (run === undefined) return
      for (const job of jobsOf(run)) {
        if (
          job.status !== 'waiting' ||
          job.environment === null ||
          !environments.includes(job.environment.name)
        )
          continue
        if (approved) saveJob({ ...job, approved: true })
        else endUnstarted(job, 'failure', `The deployment to ${job.environment.name} was rejected.`)
      }
      schedule()
    },
    forget(repository) {
      for (const { job, abort } of working.values()) if (job.repositoryId === repository.id) abort.abort()
    },
    async runSchedules(name) {
      const [owner = '', own = ''] = name.split('/')
      const repository = findRepository(options, owner, own)
      const sha =
        repository === undefined
          ? undefined
          : await resolveCommit(gitFolder(options, repository), repository.defaultBranch)
      if (repository === undefined || sha === undefined) return { runs: [] }
      const runs = await trigger(repository, {
        name: 'schedule',
        ref: `refs/heads/${repository.defaultBranch}`,
        sha,
        files: [],
        inputs: {},
        actor: repository.owner,
        payload: { schedule: '* * * * *', repository: shownInEvent(repository) },
      })
      return { runs }
    },
    busy: () => working.size,
    async close() {
      closing = true
      await scheduling
      const ending = [...working.values()]
      // Those that were at work are marked as what they are: interrupted by the end of the sandbox.
      for (const { abort } of ending) abort.abort()
      await Promise.all(ending.map(({ done }) => done))
      for (const { job } of ending) {
        const ended = records.jobs.get(`${job.repositoryId}/${job.runId}/${job.id}`)
        if (ended !== undefined && ended.conclusion === 'cancelled') interrupt(ended)
      }
    },
  }
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
