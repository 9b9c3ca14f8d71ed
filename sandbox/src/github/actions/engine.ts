import { copyFileSync, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gitFolder, readCommit, readFile, resolveCommit, tryGit } from '../git/git.ts'
import { shownInEvent } from '../git/pushed.ts'
import { type Actions, type HubEvent, now } from '../hub.ts'
import type { Job, Repository, Run, WorkflowRecord } from '../records.ts'
import { blockedBy, groupOf, settleConcurrency } from './concurrency.ts'
import { githubContext, valuesOf } from './contexts.ts'
import { environmentGate } from './environment-gate.ts'
import { interpolate } from './expressions.ts'
import { readInputs } from './inputs.ts'
import { runJob } from './job.ts'
import type { ActionsOptions } from './job-request.ts'
import { endTracked, trackingId } from './process.ts'
import { conclusionOf, expandJobs, needsOf } from './progress.ts'
import { isTriggered } from './triggers.ts'
import { type ReadWorkflow, readWorkflow } from './workflow.ts'

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
  const files = new Map<string, ReadWorkflow>()
  let closing = false

  const folderOf = (repository: Repository) => gitFolder(options, repository)

  async function workflowAt(
    repository: Repository,
    sha: string,
    path: string,
  ): Promise<ReadWorkflow | undefined> {
    const key = `${repository.id} ${sha} ${path}`
    const known = files.get(key)
    if (known !== undefined) return known
    const content = await readFile(folderOf(repository), sha, path)
    if (content === undefined) return undefined
    const read = readWorkflow(path, content.toString('utf8'))
    files.set(key, read)
    return read
  }

  async function pathsAt(repository: Repository, sha: string): Promise<readonly string[]> {
    const listed = await tryGit(folderOf(repository), [
      'ls-tree',
      '-z',
      '--name-only',
      sha,
      '.github/workflows/',
    ])
    return (listed ?? '').split('\0').filter(path => /\.ya?ml$/.test(path))
  }

  function recordOf(repository: Repository, path: string, read: ReadWorkflow): WorkflowRecord {
    const known = records.workflows.list(`${repository.id}/`).find(one => one.path === path)
    const name = read.valid ? (read.workflow.name ?? path) : path
    const at = now()
    const state = known === undefined || known.state === 'deleted' ? 'active' : known.state
    if (known !== undefined && known.name === name && known.state === state) return known
    const id = known?.id ?? records.nextId()
    return records.workflows.put(`${repository.id}/${id}`, {
      id,
      path,
      name,
      state,
      createdAt: known?.createdAt ?? at,
      updatedAt: at,
    })
  }

  async function refresh(repository: Repository): Promise<void> {
    const sha = await resolveCommit(folderOf(repository), repository.defaultBranch)
    if (sha === undefined) return
    const paths = await pathsAt(repository, sha)
    for (const path of paths) {
      const read = await workflowAt(repository, sha, path)
      if (read !== undefined) recordOf(repository, path, read)
    }
    for (const known of records.workflows.list(`${repository.id}/`))
      if (!paths.includes(known.path) && known.state !== 'deleted')
        records.workflows.put(`${repository.id}/${known.id}`, {
          ...known,
          state: 'deleted',
          updatedAt: now(),
        })
  }

  async function trigger(repository: Repository, event: HubEvent): Promise<readonly number[]> {
    if (!repository.actions.enabled) return []
    const made: number[] = []
    const head = await readCommit(folderOf(repository), event.sha)
    if (
      event.name === 'push' &&
      /\[(skip ci|ci skip|no ci|skip actions|actions skip)\]/.test(head?.message ?? '')
    )
      return []
    for (const path of await pathsAt(repository, event.sha)) {
      if (event.workflowPath !== undefined && event.workflowPath !== path) continue
      const read = await workflowAt(repository, event.sha, path)
      if (read === undefined) continue
      // What cannot be read cannot say what it wants to be started by: a push shows it.
      if (read.valid ? !isTriggered(read.workflow, event) : event.name !== 'push') continue
      const record = recordOf(repository, path, read)
      if (record.state === 'disabled_manually') continue
      made.push(start(repository, event, record, read, head?.message.split('\n')[0] ?? event.sha))
    }
    return made
  }

  function start(
    repository: Repository,
    event: HubEvent,
    record: WorkflowRecord,
    read: ReadWorkflow,
    title: string,
  ): number {
    const at = now()
    const id = records.nextId()
    const inputs = read.valid ? readInputs(read.workflow, event) : {}
    const earlier = records.runs.list(`${repository.id}/`).filter(one => one.workflowId === record.id)
    const plain: Run = {
      id,
      repositoryId: repository.id,
      workflowId: record.id,
      path: record.path,
      name: record.name,
      title: event.name === 'push' ? title : record.name,
      number: earlier.length + 1,
      attempt: 1,
      event: event.name,
      payload: { ...event.payload },
      inputs,
      ref: event.ref,
      sha: event.sha,
      actor: event.actor,
      triggeringActor: event.actor,
      status: 'queued',
      conclusion: null,
      createdAt: at,
      startedAt: at,
      updatedAt: at,
      concurrency: null,
      problem: null,
      approvals: [],
      cancelling: false,
    }
    if (!read.valid) {
      save({ ...plain, status: 'completed', conclusion: 'startup_failure', problem: read.problem })
      return id
    }
    const scope = {
      contexts: {
        github: githubContext(options, repository, plain),
        inputs,
        vars: valuesOf(records, 'variables', repository, undefined),
      },
      status: { success: true, failure: false, cancelled: false },
    }
    try {
      const runName = read.workflow['run-name']
      const title = runName === undefined ? plain.title : interpolate(runName, scope) || plain.title
      const concurrency =
        read.workflow.concurrency === undefined ? null : groupOf(read.workflow.concurrency, scope)
      save({ ...plain, title, concurrency })
    } catch (error) {
      save({ ...plain, status: 'completed', conclusion: 'startup_failure', problem: explain(error) })
    }
    schedule()
    return id
  }

  const save = (run: Run) => records.runs.put(`${run.repositoryId}/${run.id}`, { ...run, updatedAt: now() })
  const saveJob = (job: Job) => records.jobs.put(`${job.repositoryId}/${job.runId}/${job.id}`, job)
  const jobsOf = (run: Run) =>
    records.jobs
      .list(`${run.repositoryId}/${run.id}/`)
      .filter(job => job.attempt === run.attempt)
      .sort((one, other) => one.id - other.id)

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
    const read = await workflowAt(repository, given.sha, given.path)
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
    for (const one of blocked.cancel) {
      const other = working.get(one.id)
      if (other === undefined) endUnstarted(one, 'cancelled')
      else other.abort.abort()
    }
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
      const other = working.get(sibling.id)
      if (other === undefined)
        endUnstarted(
          sibling,
          'cancelled',
          'The strategy configuration was canceled because one of its jobs failed',
        )
      else other.abort.abort()
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
    await endTracked(trackingId(world.home, ''))
    await rm(join(options.folder, 'work'), { recursive: true, force: true })
    for (const repository of records.repositories.list())
      for (const job of records.jobs.list(`${repository.id}/`))
        if (job.status === 'in_progress') interrupt(job)
    schedule()
  }

  function interrupt(job: Job): void {
    const at = now()
    const message = 'The runner has received a shutdown signal: the sandbox ended while this job ran.'
    saveJob({
      ...job,
      status: 'completed',
      conclusion: 'failure',
      completedAt: at,
      annotations: [...job.annotations, { level: 'failure', message, title: 'Interrupted' }],
      steps: job.steps.map(step =>
        step.status === 'completed'
          ? step
          : {
              ...step,
              status: 'completed',
              conclusion: step.status === 'in_progress' ? 'cancelled' : 'skipped',
              completedAt: at,
            },
      ),
    })
    note(job, 'failure')
  }

  await takeUp()
  return {
    trigger,
    refresh,
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
      const repository = records.repositories
        .list()
        .find(one => `${one.owner}/${one.name}`.toLowerCase() === name.toLowerCase())
      const sha =
        repository === undefined
          ? undefined
          : await resolveCommit(folderOf(repository), repository.defaultBranch)
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
        if (ended !== undefined && ended.conclusion === 'cancelled') interrupt({ ...ended, conclusion: null })
      }
    },
  }
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
