import { user } from '../accounts.ts'
import { branchOf, type Hub, refsOfPull } from '../hub.ts'
import type { Job, Repository, Run, WorkflowRecord } from '../records.ts'
import type { Bases } from './bases.ts'
import type { Schema } from './schemas.ts'
import { nodeId, showLogin } from './show-account.ts'
import { repositoryPage, repositoryUrl, showMinimal } from './show-repository.ts'

export function showWorkflow(
  workflow: WorkflowRecord,
  repository: Repository,
  bases: Bases,
): Schema<'workflow'> {
  const page = repositoryPage(repository, bases)
  return {
    id: workflow.id,
    node_id: nodeId('W', workflow.id),
    name: workflow.name,
    path: workflow.path,
    state: workflow.state,
    created_at: workflow.createdAt,
    updated_at: workflow.updatedAt,
    url: `${repositoryUrl(repository, bases)}/actions/workflows/${workflow.id}`,
    html_url: `${page}/blob/${repository.defaultBranch}/${workflow.path}`,
    badge_url: `${page}/workflows/${encodeURIComponent(workflow.name)}/badge.svg`,
  }
}

export function showRun(hub: Hub, run: Run, repository: Repository, bases: Bases): Schema<'workflow-run'> {
  const url = `${repositoryUrl(repository, bases)}/actions/runs/${run.id}`
  const owner = user(hub.records, repository.owner)
  if (owner === undefined) throw new Error(`${repository.owner} is gone`)
  const minimal = showMinimal(repository, owner, bases)
  return {
    id: run.id,
    name: run.name,
    node_id: nodeId('WFR', run.id),
    check_suite_id: run.id + 1,
    check_suite_node_id: nodeId('CS', run.id + 1),
    head_branch: headBranch(run),
    head_sha: run.sha,
    path: run.path,
    run_number: run.number,
    run_attempt: run.attempt,
    event: run.event,
    display_title: run.title,
    status: run.status,
    conclusion: run.conclusion,
    workflow_id: run.workflowId,
    url,
    html_url: `${repositoryPage(repository, bases)}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: run.createdAt,
    updated_at: run.updatedAt,
    run_started_at: run.startedAt,
    actor: showLogin(hub.records, run.actor, bases),
    triggering_actor: showLogin(hub.records, run.triggeringActor, bases),
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${repositoryUrl(repository, bases)}/check-suites/${run.id + 1}`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    previous_attempt_url: run.attempt > 1 ? `${url}/attempts/${run.attempt - 1}` : null,
    workflow_url: `${repositoryUrl(repository, bases)}/actions/workflows/${run.workflowId}`,
    head_commit: headCommit(run),
    repository: minimal,
    head_repository: minimal,
  }
}

/** What a run is of: of a pull request the branch that it would merge. */
export function headBranch(run: Run): string {
  return (run.event === 'pull_request' && refsOfPull(run.payload).head) || branchOf(run.ref)
}

function headCommit(run: Run): Schema<'nullable-simple-commit'> {
  const commit = run.payload['head_commit']
  const known = typeof commit === 'object' && commit !== null ? commit : {}
  return {
    id: run.sha,
    tree_id: 'tree_id' in known ? String(known.tree_id) : '',
    message: 'message' in known ? String(known.message) : run.title,
    timestamp: 'timestamp' in known ? String(known.timestamp) : run.createdAt,
    author: { name: run.actor, email: `${run.actor}@users.noreply.github.com` },
    committer: { name: run.actor, email: `${run.actor}@users.noreply.github.com` },
  }
}

export function showJob(run: Run, job: Job, repository: Repository, bases: Bases): Schema<'job'> {
  const url = repositoryUrl(repository, bases)
  return {
    id: job.id,
    run_id: run.id,
    run_url: `${url}/actions/runs/${run.id}`,
    run_attempt: job.attempt,
    node_id: nodeId('CR', job.id),
    head_sha: run.sha,
    head_branch: headBranch(run),
    url: `${url}/actions/jobs/${job.id}`,
    html_url: `${repositoryPage(repository, bases)}/actions/runs/${run.id}/job/${job.id}`,
    status: job.status,
    conclusion: job.conclusion === 'startup_failure' ? 'failure' : job.conclusion,
    created_at: job.createdAt,
    // Until it starts GitHub shows when it was made.
    started_at: job.startedAt ?? job.createdAt,
    completed_at: job.completedAt,
    name: job.name,
    steps: job.steps.map(step => ({
      name: step.name,
      status: step.status,
      conclusion: step.conclusion,
      number: step.number,
      started_at: step.startedAt,
      completed_at: step.completedAt,
    })),
    check_run_url: `${url}/check-runs/${job.id}`,
    labels: [...job.labels],
    runner_id: job.startedAt === null ? null : 1,
    runner_name: job.startedAt === null ? null : 'mlp sandbox',
    runner_group_id: job.startedAt === null ? null : 0,
    runner_group_name: job.startedAt === null ? null : 'GitHub Actions',
    workflow_name: run.name,
  }
}

/** The same job as a check of its commit. */
export function showCheck(run: Run, job: Job, repository: Repository, bases: Bases): object {
  const url = `${repositoryUrl(repository, bases)}/check-runs/${job.id}`
  const page = `${repositoryPage(repository, bases)}/actions/runs/${run.id}/job/${job.id}`
  return {
    id: job.id,
    node_id: nodeId('CR', job.id),
    head_sha: run.sha,
    external_id: '',
    url,
    html_url: page,
    details_url: page,
    status: job.status === 'waiting' || job.status === 'pending' ? 'queued' : job.status,
    conclusion: job.conclusion,
    started_at: job.startedAt ?? job.createdAt,
    completed_at: job.completedAt,
    name: job.name,
    check_suite: { id: run.id + 1 },
    app: { id: 15_368, slug: 'github-actions', name: 'GitHub Actions' },
    pull_requests: [],
    output: {
      title: null,
      summary: job.summary === '' ? null : job.summary,
      text: null,
      annotations_count: job.annotations.length,
      annotations_url: `${url}/annotations`,
    },
  }
}
