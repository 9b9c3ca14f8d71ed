import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../../engine/errors.ts'
import type { Opened } from './repository.ts'
import { deployWorkflow } from './workflows.ts'

export interface PipelineRun {
  readonly id: number
  readonly url: string
  readonly commit: string
  readonly status: string
  readonly conclusion: string | null
}

/** Answers come at once where the runner is near; GitHub's own limit is 5000 questions an hour. */
const firstPollsMs = 2_000
const laterPollsMs = 5_000
const appearsWithinMs = 120_000

/** The newest run of the deploying workflow on the branch, or of one commit. */
export async function newestRun(opened: Opened, commit?: string): Promise<PipelineRun | undefined> {
  return await findRun(opened, commit === undefined ? {} : { head_sha: commit })
}

/** The newest that ended well: every job of it got into its clouds. */
export async function newestGreen(opened: Opened): Promise<PipelineRun | undefined> {
  return await findRun(opened, { status: 'success' })
}

async function findRun(
  { github, at, delivery }: Opened,
  which: { readonly head_sha?: string; readonly status?: 'success' },
): Promise<PipelineRun | undefined> {
  const found = await github.find('looking for runs of the pipeline', octokit =>
    octokit.request('GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs', {
      ...at,
      workflow_id: deployWorkflow,
      branch: delivery.branch,
      per_page: 1,
      ...which,
    }),
  )
  const [run] = found?.workflow_runs ?? []
  return run && pipelineRun(run)
}

export function hasEnded({ status }: PipelineRun): boolean {
  return status === 'completed'
}

/** Waits until a run other than `before` is there. */
export async function awaitRun(
  opened: Opened,
  commit: string,
  before: number | undefined,
  signal: AbortSignal,
): Promise<PipelineRun> {
  const until = performance.now() + appearsWithinMs
  for (;;) {
    const run = await newestRun(opened, commit)
    if (run !== undefined && run.id !== before) return run
    if (performance.now() > until) {
      throw new MlpError({
        code: 'MLP5312',
        summary: `No run of ${deployWorkflow} appeared for ${commit.slice(0, 10)}`,
        detail: `Looked for ${appearsWithinMs / 1000} s. The commit is on ${opened.delivery.branch}.`,
        remedy: [
          `Are Actions on? ${opened.github.target.webUrl}/${opened.at.owner}/${opened.at.repo}/settings/actions`,
          'Then run the same command again.',
        ],
      })
    }
    await delay(firstPollsMs, undefined, { signal })
  }
}

/** Follows a run to its end, telling which job is at which step. */
export async function follow(
  opened: Opened,
  run: PipelineRun,
  signal: AbortSignal,
  report: (message: string, fraction?: number) => void,
): Promise<PipelineRun> {
  const startedAt = performance.now()
  let told = ''
  for (;;) {
    const now = await readRun(opened, run.id)
    const jobs = await jobsOf(opened, run.id)
    const { message, fraction } = progressOf(now, jobs)
    if (message !== told) report(message, fraction)
    told = message
    if (hasEnded(now)) return now
    const waitMs = performance.now() - startedAt < 300_000 ? firstPollsMs : laterPollsMs
    await delay(waitMs, undefined, { signal })
  }
}

async function readRun({ github, at }: Opened, runId: number): Promise<PipelineRun> {
  const run = await github.ask('following the pipeline', octokit =>
    octokit.request('GET /repos/{owner}/{repo}/actions/runs/{run_id}', { ...at, run_id: runId }),
  )
  return pipelineRun(run)
}

interface RunAnswer {
  readonly id: number | bigint
  readonly html_url: string
  readonly head_sha: string
  readonly status: string | null
  readonly conclusion: string | null
}

function pipelineRun(run: RunAnswer): PipelineRun {
  return {
    id: Number(run.id),
    url: run.html_url,
    commit: run.head_sha,
    status: run.status ?? 'unknown',
    conclusion: run.conclusion,
  }
}

type Job = Awaited<ReturnType<typeof jobsOf>>[number]

async function jobsOf({ github, at }: Opened, runId: number) {
  const { jobs } = await github.ask('following its jobs', octokit =>
    octokit.request('GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs', {
      ...at,
      run_id: runId,
      per_page: 100,
    }),
  )
  return jobs
}

function progressOf(
  run: PipelineRun,
  jobs: readonly Job[],
): { readonly message: string; readonly fraction?: number } {
  const steps = jobs.flatMap(job => job.steps ?? [])
  const done = steps.filter(({ status }) => status === 'completed').length
  const fraction = steps.length === 0 ? {} : { fraction: done / steps.length }
  const working = jobs.find(({ status }) => status === 'in_progress')
  if (working === undefined) {
    const waits = run.status === 'waiting' ? `waits for an approval: ${run.url}` : `${run.status}: ${run.url}`
    return { message: waits, ...fraction }
  }
  const at = working.steps?.find(({ status }) => status === 'in_progress')
  return { message: at === undefined ? working.name : `${working.name}: ${at.name}`, ...fraction }
}

const logLines = 25

/** Why a run failed: the step, and the end of what it wrote. */
export async function failureOf(opened: Opened, run: PipelineRun): Promise<MlpError> {
  const { github, at } = opened
  const jobs = await jobsOf(opened, run.id)
  const failed = jobs.filter(({ conclusion }) => conclusion === 'failure' || conclusion === 'timed_out')
  const [job] = failed
  const step = job?.steps?.find(({ conclusion }) => conclusion === 'failure' || conclusion === 'timed_out')
  const log =
    job === undefined
      ? undefined
      : await github.find('reading the log', octokit =>
          octokit.request('GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs', {
            ...at,
            job_id: Number(job.id),
          }),
        )
  const where = job === undefined ? '' : `: ${job.name}${step === undefined ? '' : `, ${step.name}`}`
  const others = failed.slice(1).map(({ name }) => `Failed as well: ${name}`)
  return new MlpError({
    code: 'MLP5307',
    summary: `The pipeline's run ${run.id} ended with ${run.conclusion ?? 'nothing'}${where}`,
    detail: [...(typeof log === 'string' ? endOf(log) : []), ...others].join('\n') || undefined,
    remedy: [run.url, 'Run the same command again: it starts the pipeline again and follows it.'],
  })
}

/** GitHub begins each line with a time, and ends a failing step's part with `##[error]`. */
function endOf(log: string): readonly string[] {
  const lines = log
    .split(/\r?\n/)
    .map(line => line.replace(/^\uFEFF?\d{4}-\d\d-\d\dT[\d:.]+Z /, ''))
    .filter(line => line.trim() !== '' && !line.startsWith('##[endgroup]'))
  const last = lines.findLastIndex(line => line.startsWith('##[error]'))
  const end = last < 0 ? lines.length : last + 1
  return lines.slice(Math.max(0, end - logLines), end)
}
