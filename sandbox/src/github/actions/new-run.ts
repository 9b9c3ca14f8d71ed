import { type HubEvent, now } from '../hub.ts'
import type { Repository, Run, WorkflowRecord } from '../records.ts'
import { groupOf } from './concurrency.ts'
import { githubContext, valuesOf } from './contexts.ts'
import { interpolate } from './expressions.ts'
import { readInputs } from './inputs.ts'
import type { ActionsOptions } from './job-request.ts'
import type { ReadWorkflow } from './workflow.ts'

/** What an event makes of a workflow: a run in the queue, or one that could not start and says why. */
export function newRun(
  options: ActionsOptions,
  repository: Repository,
  event: HubEvent,
  record: WorkflowRecord,
  read: ReadWorkflow,
  title: string,
): Run {
  const { records } = options
  const at = now()
  const inputs = read.valid ? readInputs(read.workflow, event) : {}
  const earlier = records.runs.list(`${repository.id}/`).filter(one => one.workflowId === record.id)
  const plain: Run = {
    id: records.nextId(),
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
  const refused = (problem: string): Run => ({
    ...plain,
    status: 'completed',
    conclusion: 'startup_failure',
    problem,
  })
  if (!read.valid) return refused(read.problem)
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
    return { ...plain, title, concurrency }
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error))
  }
}
