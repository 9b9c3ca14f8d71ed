import { now } from '../hub.ts'
import type { Job, Repository, Run } from '../records.ts'
import { groupOf } from './concurrency.ts'
import { githubContext, valuesOf } from './contexts.ts'
import { condition, interpolate, type Scope, settingValue } from './expressions.ts'
import type { ActionsOptions } from './job-request.ts'
import { combinationName, expandMatrix } from './matrix.ts'
import { ancestors, type JobDefinition, type Workflow } from './workflow.ts'

interface RunContext {
  readonly options: ActionsOptions
  readonly repository: Repository
  readonly run: Run
  readonly workflow: Workflow
}

type Result = 'success' | 'failure' | 'cancelled' | 'skipped'

/** How all jobs of one key have ended; undefined while one has not. */
function resultOf(key: string, jobs: readonly Job[], workflow: Workflow): Result | undefined {
  const own = jobs.filter(job => job.key === key)
  if (own.length === 0 || own.some(job => job.status !== 'completed')) return undefined
  const forgiven = workflow.jobs[key]?.['continue-on-error'] === true
  const ended = own.map(job => job.conclusion)
  if (ended.includes('failure') || ended.includes('timed_out')) return forgiven ? 'success' : 'failure'
  if (ended.includes('cancelled')) return 'cancelled'
  return ended.every(one => one === 'skipped') ? 'skipped' : 'success'
}

/** `needs` as the expressions of a job see it. */
export function needsOf(
  { workflow }: RunContext,
  jobs: readonly Job[],
  needs: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    needs.map(key => {
      const outputs = Object.assign({}, ...jobs.filter(job => job.key === key).map(job => job.outputs))
      return [key, { result: resultOf(key, jobs, workflow) ?? '', outputs }]
    }),
  )
}

/** The jobs that can be told now and were not yet: what they need has ended. */
export function expandJobs(context: RunContext, jobs: readonly Job[]): readonly Job[] {
  const { workflow } = context
  return Object.entries(workflow.jobs).flatMap(([key, definition]) => {
    if (jobs.some(job => job.key === key)) return []
    if (definition.needs.some(needed => resultOf(needed, jobs, workflow) === undefined)) return []
    return expand(context, key, definition, jobs)
  })
}

function expand(
  context: RunContext,
  key: string,
  definition: JobDefinition,
  jobs: readonly Job[],
): readonly Job[] {
  const { options, repository, run, workflow } = context
  const results = ancestors(workflow.jobs, key).map(one => resultOf(one, jobs, workflow))
  const scope: Scope = {
    contexts: {
      github: githubContext(options, repository, run),
      needs: needsOf(context, jobs, definition.needs),
      vars: valuesOf(options.records, 'variables', repository, undefined),
      inputs: run.inputs,
    },
    status: {
      success: !run.cancelling && results.every(one => one === 'success'),
      failure: results.includes('failure'),
      cancelled: run.cancelling,
    },
  }
  const make = (more: Partial<Job>): Job => ({
    id: options.records.nextId(),
    runId: run.id,
    repositoryId: repository.id,
    attempt: run.attempt,
    key,
    name: definition.name ?? key,
    matrix: null,
    index: 0,
    total: 1,
    status: 'queued',
    conclusion: null,
    createdAt: now(),
    startedAt: null,
    completedAt: null,
    labels: [],
    environment: null,
    approved: false,
    concurrency: null,
    steps: [],
    outputs: {},
    annotations: [],
    summary: '',
    ...more,
  })
  try {
    if (!condition(definition.if, scope))
      return [
        make({
          status: 'completed',
          conclusion: run.cancelling ? 'cancelled' : 'skipped',
          completedAt: now(),
        }),
      ]
    const matrix = definition.strategy?.matrix
    const combinations = matrix === undefined ? [undefined] : expandMatrix(settingValue(matrix, scope))
    return combinations.map((combination, index) => {
      const inner: Scope = {
        ...scope,
        contexts: {
          ...scope.contexts,
          matrix: combination ?? {},
          strategy: { 'job-index': index, 'job-total': combinations.length },
        },
      }
      const plain = definition.name ?? key
      const named = interpolate(plain, inner)
      const environment =
        definition.environment === undefined ? '' : interpolate(definition.environment.name, inner)
      return make({
        // A name without expressions tells the jobs of a matrix apart by their values.
        name:
          combination !== undefined && !plain.includes('${{') ? combinationName(named, combination) : named,
        matrix: combination ?? null,
        index,
        total: combinations.length,
        labels: definition['runs-on'].map(label => interpolate(label, inner)),
        environment: environment === '' ? null : { name: environment, url: null },
        concurrency: definition.concurrency === undefined ? null : groupOf(definition.concurrency, inner),
      })
    })
  } catch (error) {
    const message = `Error when evaluating '${key}': ${error instanceof Error ? error.message : String(error)}`
    return [
      make({
        status: 'completed',
        conclusion: 'failure',
        completedAt: now(),
        annotations: [{ level: 'failure', message, title: null }],
      }),
    ]
  }
}

/** What became of a run whose jobs have all ended. */
export function conclusionOf(
  run: Run,
  jobs: readonly Job[],
  workflow: Workflow,
): NonNullable<Run['conclusion']> {
  const results = Object.keys(workflow.jobs).map(key => resultOf(key, jobs, workflow))
  if (run.cancelling) return 'cancelled'
  if (results.includes('failure')) return 'failure'
  if (results.includes('cancelled')) return 'cancelled'
  return results.every(one => one === 'skipped') ? 'skipped' : 'success'
}
