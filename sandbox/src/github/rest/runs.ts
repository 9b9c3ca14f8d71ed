import { GithubError, notFound } from '../errors.ts'
import type { WorkflowRecord } from '../records.ts'
import {
  type Answer,
  type Call,
  created,
  noContent,
  ok,
  page,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import { requireFinished, runOf } from './known-runs.ts'
import { link } from './links.ts'
import { headBranch, showRun } from './show-run.ts'

const root = '/repos/{owner}/{repo}/actions'
const reads = { permission: 'actions', access: 'read' } as const
const writes = { permission: 'actions', access: 'write' } as const

export function listRuns(call: Call, workflow?: WorkflowRecord): Answer {
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

function rerun(call: Call, which: 'all' | 'failed'): Answer {
  const repository = repositoryOf(call)
  const run = runOf(call, repository)
  requireFinished(run, 'rerun')
  call.hub.actions.rerun(repository, run.id, which, signedIn(call).login)
  return created({})
}

export const runRoutes: readonly Route[] = [
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
      records.runs.delete(`${repository.id}/${run.id}`)
      return noContent
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
      runOf(call, repositoryOf(call))
      // The runner has no action that keeps any.
      return ok({ total_count: 0, artifacts: [] })
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
]
