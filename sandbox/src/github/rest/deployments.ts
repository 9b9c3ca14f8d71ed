import * as z from 'zod'
import { accountById, user } from '../accounts.ts'
import { GithubError, notFound } from '../errors.ts'
import { branchOf } from '../hub.ts'
import type { Job, Repository, Run } from '../records.ts'
import { bodyOf, type Call, numberParam, ok, page, type Route, repositoryOf, signedIn } from './call.ts'
import { environmentKey } from './environments.ts'
import { jobsOf, runOf } from './known-runs.ts'
import { nodeId, showAccount, showLogin } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const readsActions = { permission: 'actions', access: 'read' } as const
const reads = { permission: 'deployments', access: 'read' } as const

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

/** What waits for an approval or had one, and what runs put into environments. */
export const deploymentRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/actions/runs/{run_id}/pending_deployments`,
    needs: readsActions,
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
    path: `${root}/actions/runs/{run_id}/pending_deployments`,
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
    path: `${root}/actions/runs/{run_id}/approvals`,
    needs: readsActions,
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
    path: `${root}/deployments`,
    needs: reads,
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
    path: `${root}/deployments/{deployment_id}/statuses`,
    needs: reads,
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
]
