import * as z from 'zod'
import { GithubError, notFound } from '../errors.ts'
import { gitFolder, readCommit, resolveCommit } from '../git/git.ts'
import { shownInEvent } from '../git/pushed.ts'
import { branchOf, now } from '../hub.ts'
import type { Repository, WorkflowRecord } from '../records.ts'
import {
  type Answer,
  bodyOf,
  type Call,
  noContent,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import { listRuns } from './runs.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'
import { showWorkflow } from './show-run.ts'

const root = '/repos/{owner}/{repo}/actions'
const reads = { permission: 'actions', access: 'read' } as const
const writes = { permission: 'actions', access: 'write' } as const

/** By its id or its file's name. */
function workflowOf(call: Call, repository: Repository): WorkflowRecord {
  const wanted = param(call, 'workflow_id')
  const found = call.hub.records.workflows
    .list(`${repository.id}/`)
    .find(one => String(one.id) === wanted || one.path.split('/').at(-1) === wanted || one.path === wanted)
  if (found === undefined) throw notFound()
  return found
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

export const workflowRoutes: readonly Route[] = [
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
  {
    method: 'POST',
    path: '/repos/{owner}/{repo}/dispatches',
    needs: { permission: 'contents', access: 'write' },
    run() {
      throw new GithubError(422, 'The sandbox does not answer repository_dispatch.')
    },
  },
]
