import * as z from 'zod'
import { accountById, user } from '../accounts.ts'
import { GithubError, notFound } from '../errors.ts'
import { gitFolder, readCommit, resolveCommit } from '../git/git.ts'
import { shownInEvent } from '../git/pushed.ts'
import { branchOf, now } from '../hub.ts'
import type { Job, Repository, Run, WorkflowRecord } from '../records.ts'
import {
  type Answer,
  bodyOf,
  type Call,
  created,
  noContent,
  numberParam,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import { environmentKey } from './environments.ts'
import { nodeId, showAccount, showLogin } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'
import { headBranch, showArtifact, showCheck, showJob, showRun, showWorkflow, signature } from './show-run.ts'

const root = '/repos/{owner}/{repo}/actions'
const reads = { permission: 'actions', access: 'read' } as const
const writes = { permission: 'actions', access: 'write' } as const
const linkSeconds = 60

function runOf(call: Call, repository: Repository): Run {
  const found = call.hub.records.runs.get(`${repository.id}/${numberParam(call, 'run_id')}`)
  if (found === undefined) throw notFound()
  return found
}

function jobsOf(call: Call, run: Run): readonly Job[] {
  const all = call.hub.records.jobs.list(`${run.repositoryId}/${run.id}/`)
  return [...all].sort((one, other) => one.id - other.id)
}

function jobOf(call: Call, repository: Repository, id: number): { readonly run: Run; readonly job: Job } {
  const key = call.hub.records.jobs.keys(`${repository.id}/`).find(one => one.endsWith(`/${id}`))
  const job = key === undefined ? undefined : call.hub.records.jobs.get(key)
  const run = job === undefined ? undefined : call.hub.records.runs.get(`${repository.id}/${job.runId}`)
  if (job === undefined || run === undefined) throw notFound()
  return { run, job }
}

/** By its id or its file's name. */
function workflowOf(call: Call, repository: Repository): WorkflowRecord {
  const wanted = param(call, 'workflow_id')
  const found = call.hub.records.workflows
    .list(`${repository.id}/`)
    .find(one => String(one.id) === wanted || one.path.split('/').at(-1) === wanted || one.path === wanted)
  if (found === undefined) throw notFound()
  return found
}

function listRuns(call: Call, workflow?: WorkflowRecord): Answer {
  const repository = repositoryOf(call)
  const asked = (name: string) => call.query.get(name)
  const [branch, event, status, actor, sha] = ['branch', 'event', 'status', 'actor', 'head_sha'].map(asked)
  const [, operator = '', date = ''] = /^(>=|<=|>|<)?(.+)$/.exec(asked('created') ?? '') ?? []
  const all = call.hub.records.runs
    .list(`${repository.id}/`)
    .filter(
      run =>
        (workflow === undefined || run.workflowId === workflow.id) &&
        (branch == null || headBranch(run) === branch) &&
        (event == null || run.event === event) &&
        (status == null || run.status === status || run.conclusion === status) &&
        (actor == null || run.actor === actor) &&
        (sha == null || run.sha === sha) &&
        (date === '' || compares(run.createdAt, operator, date)),
    )
    .sort((one, other) => other.id - one.id)
  return page(
    call,
    all,
    run => showRun(call.hub, run, repository, call.bases),
    shown => ({ total_count: all.length, workflow_runs: shown }),
  )
}

function compares(created: string, operator: string, date: string): boolean {
  const [from, to] = date.split('..')
  const [at, limit] = [Date.parse(created), Date.parse(from ?? '')]
  if (to !== undefined) return at >= limit && (to === '*' || at <= Date.parse(to))
  if (operator === '>=') return at >= limit
  if (operator === '<=') return at <= limit
  if (operator === '>') return at > limit
  if (operator === '<') return at < limit
  return created.startsWith(date)
}

/** A link that is good without a token, for a minute. */
function link(call: Call, path: string): Answer {
  const expires = Math.floor(Date.now() / 1000) + linkSeconds
  return {
    status: 302,
    body: '',
    headers: { location: `${call.bases.web}${path}?se=${expires}&sig=${signature(call.hub, path, expires)}` },
  }
}

/** Environments whose reviewers a run waits for. */
function waitingFor(call: Call, run: Run): ReadonlyMap<string, readonly Job[]> {
  const waiting = new Map<string, Job[]>()
  for (const job of jobsOf(call, run))
    if (job.status === 'waiting' && !job.approved && job.environment !== null) {
      const { name } = job.environment
      waiting.set(name, [...(waiting.get(name) ?? []), job])
    }
  return waiting
}

function isReviewer(call: Call, repository: Repository, environment: string): boolean {
  const login = signedIn(call).login
  const rules = call.hub.records.environments.get(environmentKey(repository, environment))
  const mine = user(call.hub.records, login)
  return rules?.reviewers.some(({ id }) => id === mine?.id) === true
}

function requireFinished(run: Run, what: string): void {
  if (run.status !== 'completed')
    throw new GithubError(403, `This workflow run cannot be ${what} because it is still running.`)
}

async function dispatch(call: Call): Promise<Answer> {
  const repository = repositoryOf(call)
  const workflow = workflowOf(call, repository)
  const asked = bodyOf(
    call,
    z.looseObject({
      ref: z.string(),
      inputs: z.record(z.string(), z.unknown()).default({}),
      return_run_details: z.boolean().default(false),
    }),
  )
  if (workflow.state === 'disabled_manually')
    throw new GithubError(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow")
  const folder = gitFolder(call.hub, repository)
  const sha = await resolveCommit(folder, branchOf(asked.ref))
  if (sha === undefined) throw new GithubError(422, `No ref found for: ${asked.ref}`)
  const isTag =
    !asked.ref.startsWith('refs/heads/') &&
    (await resolveCommit(folder, `refs/heads/${branchOf(asked.ref)}`)) === undefined
  const ref = asked.ref.startsWith('refs/') ? asked.ref : `refs/${isTag ? 'tags' : 'heads'}/${asked.ref}`
  const login = signedIn(call).login
  const head = await readCommit(folder, sha)
  const [runId] = await call.hub.actions.trigger(repository, {
    name: 'workflow_dispatch',
    ref,
    sha,
    files: [],
    inputs: asked.inputs,
    actor: login,
    workflowPath: workflow.path,
    payload: {
      ref,
      inputs: asked.inputs,
      workflow: workflow.path,
      repository: shownInEvent(repository),
      sender: { login },
      ...(head === undefined
        ? {}
        : {
            head_commit: {
              id: sha,
              tree_id: head.tree,
              message: head.message,
              timestamp: head.committer.date,
            },
          }),
    },
  })
  if (runId === undefined) throw new GithubError(422, "Workflow does not have 'workflow_dispatch' trigger")
  if (!asked.return_run_details) return noContent
  return ok({
    workflow_run_id: runId,
    run_url: `${repositoryUrl(repository, call.bases)}/actions/runs/${runId}`,
    html_url: `${repositoryPage(repository, call.bases)}/actions/runs/${runId}`,
  })
}

function setState(call: Call, state: WorkflowRecord['state']): Answer {
  const repository = repositoryOf(call)
  const workflow = workflowOf(call, repository)
  call.hub.records.workflows.put(`${repository.id}/${workflow.id}`, { ...workflow, state, updatedAt: now() })
  return noContent
}

function rerun(call: Call, which: 'all' | 'failed'): Answer {
  const repository = repositoryOf(call)
  const run = runOf(call, repository)
  requireFinished(run, 'rerun')
  call.hub.actions.rerun(repository, run.id, which, signedIn(call).login)
  return created({})
}

function listJobs(call: Call, attempt?: number): Answer {
  const repository = repositoryOf(call)
  const run = runOf(call, repository)
  const every = call.query.get('filter') === 'all'
  const all = jobsOf(call, run).filter(job => every || job.attempt === (attempt ?? run.attempt))
  return page(
    call,
    all,
    job => showJob(run, job, repository, call.bases),
    jobs => ({ total_count: all.length, jobs }),
  )
}

export const runRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/workflows`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const all = call.hub.records.workflows.list(`${repository.id}/`).filter(one => one.state !== 'deleted')
      return page(
        call,
        all,
        one => showWorkflow(one, repository, call.bases),
        workflows => ({ total_count: all.length, workflows }),
      )
    },
  },
  {
    method: 'GET',
    path: `${root}/workflows/{workflow_id}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showWorkflow(workflowOf(call, repository), repository, call.bases))
    },
  },
  {
    method: 'GET',
    path: `${root}/workflows/{workflow_id}/runs`,
    needs: reads,
    run: call => listRuns(call, workflowOf(call, repositoryOf(call))),
  },
  { method: 'POST', path: `${root}/workflows/{workflow_id}/dispatches`, needs: writes, run: dispatch },
  {
    method: 'PUT',
    path: `${root}/workflows/{workflow_id}/enable`,
    needs: writes,
    run: call => setState(call, 'active'),
  },
  {
    method: 'PUT',
    path: `${root}/workflows/{workflow_id}/disable`,
    needs: writes,
    run: call => setState(call, 'disabled_manually'),
  },
  { method: 'GET', path: `${root}/runs`, needs: reads, run: call => listRuns(call) },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showRun(call.hub, runOf(call, repository), repository, call.bases))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/runs/{run_id}`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const run = runOf(call, repository)
      if (run.status !== 'completed') throw new GithubError(403, 'Could not delete the workflow run')
      const { records } = call.hub
      records.jobs.deleteAll(`${repository.id}/${run.id}/`)
      records.artifacts.deleteAll(`${repository.id}/${run.id}/`)
      records.runs.delete(`${repository.id}/${run.id}`)
      return noContent
    },
  },
  { method: 'GET', path: `${root}/runs/{run_id}/jobs`, needs: reads, run: call => listJobs(call) },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}/attempts/{attempt_number}/jobs`,
    needs: reads,
    run: call => listJobs(call, numberParam(call, 'attempt_number')),
  },
  {
    method: 'GET',
    path: `${root}/jobs/{job_id}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository, numberParam(call, 'job_id'))
      return ok(showJob(run, job, repository, call.bases))
    },
  },
  {
    method: 'GET',
    path: `${root}/jobs/{job_id}/logs`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository, numberParam(call, 'job_id'))
      if (job.startedAt === null) throw notFound()
      return link(call, `/_logs/${run.id}/${job.id}.txt`)
    },
  },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}/logs`,
    needs: reads,
    run(call) {
      const run = runOf(call, repositoryOf(call))
      if (run.status !== 'completed') throw notFound()
      return link(call, `/_logs/${run.id}.zip`)
    },
  },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}/artifacts`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const run = runOf(call, repository)
      const name = call.query.get('name')
      const all = call.hub.records.artifacts
        .list(`${repository.id}/${run.id}/`)
        .filter(one => name === null || one.name === name)
      return page(
        call,
        all,
        one => showArtifact(one, repository, call.bases),
        artifacts => ({ total_count: all.length, artifacts }),
      )
    },
  },
  {
    method: 'GET',
    path: `${root}/artifacts/{artifact_id}/zip`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const id = numberParam(call, 'artifact_id')
      const found = call.hub.records.artifacts.list(`${repository.id}/`).find(one => one.id === id)
      if (found === undefined) throw notFound()
      return link(call, `/_artifacts/${found.id}.zip`)
    },
  },
  {
    method: 'POST',
    path: `${root}/runs/{run_id}/cancel`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const run = runOf(call, repository)
      if (run.status === 'completed')
        throw new GithubError(409, 'Cannot cancel a workflow run that is completed.')
      call.hub.actions.cancel(repository, run.id)
      return { status: 202, body: {} }
    },
  },
  {
    method: 'POST',
    path: `${root}/runs/{run_id}/force-cancel`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      call.hub.actions.cancel(repository, runOf(call, repository).id)
      return { status: 202, body: {} }
    },
  },
  { method: 'POST', path: `${root}/runs/{run_id}/rerun`, needs: writes, run: call => rerun(call, 'all') },
  {
    method: 'POST',
    path: `${root}/runs/{run_id}/rerun-failed-jobs`,
    needs: writes,
    run: call => rerun(call, 'failed'),
  },
  {
    method: 'POST',
    path: `${root}/jobs/{job_id}/rerun`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository, numberParam(call, 'job_id'))
      requireFinished(run, 'rerun')
      call.hub.actions.rerun(repository, run.id, job.id, signedIn(call).login)
      return created({})
    },
  },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}/pending_deployments`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { records } = call.hub
      return ok(
        [...waitingFor(call, runOf(call, repository))].map(([name, jobs]) => {
          const environment = records.environments.get(environmentKey(repository, name))
          return {
            environment: {
              id: environment?.id ?? 0,
              node_id: nodeId('EN', environment?.id ?? 0),
              name,
              url: `${repositoryUrl(repository, call.bases)}/environments/${encodeURIComponent(name)}`,
              html_url: `${repositoryPage(repository, call.bases)}/deployments/activity_log?environments_filter=${encodeURIComponent(name)}`,
            },
            wait_timer: environment?.waitTimer ?? 0,
            wait_timer_started_at: jobs[0]?.createdAt ?? null,
            current_user_can_approve: isReviewer(call, repository, name),
            reviewers: (environment?.reviewers ?? []).flatMap(({ type, id }) => {
              const account = accountById(records, id)
              return account === undefined ? [] : [{ type, reviewer: showAccount(account, call.bases) }]
            }),
          }
        }),
      )
    },
  },
  {
    method: 'POST',
    path: `${root}/runs/{run_id}/pending_deployments`,
    needs: { permission: 'deployments', access: 'write', role: 'read' },
    run(call) {
      const repository = repositoryOf(call)
      const run = runOf(call, repository)
      const { records } = call.hub
      const asked = bodyOf(
        call,
        z.looseObject({
          environment_ids: z.array(z.int()),
          state: z.enum(['approved', 'rejected']),
          comment: z.string(),
        }),
      )
      const waiting = waitingFor(call, run)
      const names = [...waiting.keys()].filter(name => {
        const id = records.environments.get(environmentKey(repository, name))?.id
        return id !== undefined && asked.environment_ids.includes(id)
      })
      const login = signedIn(call).login
      if (names.length !== asked.environment_ids.length || names.length === 0)
        throw new GithubError(
          422,
          'There was a problem approving one of the gates because it is no longer pending.',
        )
      for (const name of names) {
        const environment = records.environments.get(environmentKey(repository, name))
        if (!isReviewer(call, repository, name))
          throw new GithubError(
            422,
            'There was a problem approving one of the gates because you are not a reviewer.',
          )
        if (environment?.preventSelfReview === true && run.triggeringActor === login)
          throw new GithubError(
            422,
            'There was a problem approving one of the gates because self-review is not allowed.',
          )
      }
      records.runs.put(`${repository.id}/${run.id}`, {
        ...run,
        approvals: [
          ...run.approvals,
          { state: asked.state, comment: asked.comment, login, environments: names },
        ],
      })
      call.hub.actions.review(repository, run.id, names, asked.state === 'approved')
      const shown = records.deployments
        .list(`${repository.id}/`)
        .filter(one => one.runId === run.id && names.includes(one.environment))
      return ok(
        shown.map(one => ({
          id: one.id,
          url: `${repositoryUrl(repository, call.bases)}/deployments/${one.id}`,
          sha: one.sha,
          ref: branchOf(one.ref),
          task: 'deploy',
          environment: one.environment,
        })),
      )
    },
  },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}/approvals`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { records } = call.hub
      return ok(
        runOf(call, repository).approvals.map(({ state, comment, login, environments }) => ({
          state,
          comment,
          user: showLogin(records, login, call.bases),
          environments: environments.map(name => ({
            id: records.environments.get(environmentKey(repository, name))?.id ?? 0,
            name,
          })),
        })),
      )
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/commits/{ref}/check-runs',
    needs: { permission: 'checks', access: 'read' },
    async run(call) {
      const repository = repositoryOf(call)
      const sha = await resolveCommit(gitFolder(call.hub, repository), param(call, 'ref'))
      if (sha === undefined) throw new GithubError(422, `No commit found for SHA: ${param(call, 'ref')}`)
      const all = call.hub.records.runs
        .list(`${repository.id}/`)
        .filter(run => run.sha === sha)
        .flatMap(run => jobsOf(call, run).flatMap(job => (job.attempt === run.attempt ? [{ run, job }] : [])))
      return page(
        call,
        all,
        ({ run, job }) => showCheck(run, job, repository, call.bases),
        shown => ({ total_count: all.length, check_runs: shown }),
      )
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/check-runs/{check_run_id}',
    needs: { permission: 'checks', access: 'read' },
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository, numberParam(call, 'check_run_id'))
      return ok(showCheck(run, job, repository, call.bases))
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations',
    needs: { permission: 'checks', access: 'read' },
    run(call) {
      const repository = repositoryOf(call)
      const { job } = jobOf(call, repository, numberParam(call, 'check_run_id'))
      return page(call, job.annotations, ({ level, message, title }) => ({
        path: '.github',
        start_line: 1,
        end_line: 1,
        start_column: null,
        end_column: null,
        annotation_level: level,
        title: title ?? '',
        message,
        raw_details: '',
        blob_href: '',
      }))
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/deployments',
    needs: { permission: 'deployments', access: 'read' },
    run(call) {
      const repository = repositoryOf(call)
      const [environment, sha] = [call.query.get('environment'), call.query.get('sha')]
      const all = call.hub.records.deployments
        .list(`${repository.id}/`)
        .filter(
          one =>
            (environment === null || one.environment === environment) && (sha === null || one.sha === sha),
        )
        .sort((one, other) => other.id - one.id)
      const url = `${repositoryUrl(repository, call.bases)}/deployments`
      return page(call, all, one => ({
        id: one.id,
        node_id: nodeId('DE', one.id),
        url: `${url}/${one.id}`,
        sha: one.sha,
        ref: branchOf(one.ref),
        task: 'deploy',
        payload: {},
        environment: one.environment,
        original_environment: one.environment,
        description: null,
        creator: showLogin(call.hub.records, one.creator, call.bases),
        created_at: one.createdAt,
        updated_at: one.updatedAt,
        statuses_url: `${url}/${one.id}/statuses`,
        repository_url: repositoryUrl(repository, call.bases),
      }))
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/deployments/{deployment_id}/statuses',
    needs: { permission: 'deployments', access: 'read' },
    run(call) {
      const repository = repositoryOf(call)
      const found = call.hub.records.deployments.get(`${repository.id}/${numberParam(call, 'deployment_id')}`)
      if (found === undefined) throw notFound()
      return ok([
        {
          id: found.id + 1,
          state: found.state,
          environment: found.environment,
          description: '',
          created_at: found.updatedAt,
          updated_at: found.updatedAt,
        },
      ])
    },
  },
  {
    method: 'POST',
    path: '/repos/{owner}/{repo}/dispatches',
    needs: { permission: 'contents', access: 'write' },
    run() {
      throw new GithubError(422, 'The sandbox does not answer repository_dispatch.')
    },
  },
]
