import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { now } from '../hub.ts'
import type { Job } from '../records.ts'
import { issueToken, revokeToken } from '../tokens.ts'
import { interpolate, type Scope, settingValue } from './expressions.ts'
import { type JobLog, openJobLog } from './job-log.ts'
import type { JobRequest } from './job-request.ts'
import type { JobRuntime } from './job-runtime.ts'
import { prepareJob } from './prepare-job.ts'
import { endTracked, trackingId } from './process.ts'
import { brokenOff } from './run-records.ts'
import { runOneStep, type StepResult } from './step.ts'
import { tokenPermissions } from './workflow.ts'

const tokenLifetimeMs = 24 * 3_600_000

function logFile(folder: string, job: Pick<Job, 'runId' | 'id'>): string {
  return join(folder, 'logs', String(job.runId), `${job.id}.txt`)
}

/** Runs a job's steps, one after the other, and says how it ended. Leaves nothing behind but its log. */
export async function runJob(request: JobRequest): Promise<Job> {
  const { options, repository, definition, workflow } = request
  const root = join(options.folder, 'work', String(request.job.id))
  const log = openJobLog(logFile(options.folder, request.job), Object.values(request.secrets))
  const permissions = tokenPermissions(
    definition.permissions,
    workflow.permissions,
    repository.actions.defaultPermissions,
  )
  const token = issueToken(options.records, {
    login: 'github-actions[bot]',
    kind: 'job',
    scopes: [],
    permissions,
    repositoryIds: [repository.id],
    expiresAt: new Date(Date.now() + tokenLifetimeMs).toISOString(),
    jobId: request.job.id,
  })
  log.mask(token)
  let job: Job = request.job
  const save = (change: Partial<Job>) => {
    job = { ...job, ...change }
    request.save(job)
  }
  const stop = new AbortController()
  let timedOut = false
  const runtime = prepareJob(request, root, token, permissions, log, (level, message, title) =>
    save({ annotations: [...job.annotations, { level, message: log.masked(message), title }] }),
  )
  const minutes = Number(settingValue(definition['timeout-minutes'], runtime.scope()))
  const timer = setTimeout(() => {
    timedOut = true
    stop.abort()
  }, minutes * 60_000)
  const signal = AbortSignal.any([request.signal, stop.signal])
  const steps = [
    'Set up job',
    ...definition.steps.map(step => stepName(step, runtime.scope())),
    'Complete job',
  ]
  save({
    status: 'in_progress',
    startedAt: now(),
    steps: steps.map((name, index) => ({
      name,
      number: index + 1,
      status: 'queued',
      conclusion: null,
      startedAt: null,
      completedAt: null,
    })),
  })
  const mark = (index: number, change: Partial<Job['steps'][number]>) =>
    save({ steps: job.steps.map((step, at) => (at === index ? { ...step, ...change } : step)) })
  try {
    mark(0, { status: 'in_progress', startedAt: now() })
    log.write(
      `Current runner version: 'mlp sandbox (simulated), Node ${process.versions.node} on ${process.platform}'`,
    )
    log.write('##[group]GITHUB_TOKEN Permissions')
    for (const [name, access] of Object.entries(permissions)) log.write(`${name}: ${access}`)
    log.write('##[endgroup]')
    if (job.environment !== null) log.write(`Environment: ${job.environment.name}`)
    log.write(`Complete job name: ${job.name}`)
    mark(0, { status: 'completed', conclusion: 'success', completedAt: now() })
    for (const [index, step] of definition.steps.entries()) {
      const result = await runOneStep(runtime, step, signal, {
        begin: () => mark(index + 1, { status: 'in_progress', startedAt: now() }),
        name: steps[index + 1] ?? '',
      })
      settle(runtime, step.id, result, signal)
      const at = now()
      mark(index + 1, {
        status: 'completed',
        conclusion: result.conclusion,
        startedAt: job.steps[index + 1]?.startedAt ?? at,
        completedAt: at,
      })
      save({ summary: log.masked(runtime.summary()) })
    }
    const last = steps.length - 1
    mark(last, { status: 'in_progress', startedAt: now() })
    for (const cleanUp of runtime.afterwards.reverse()) await cleanUp(runtime.failed)
    log.write('Cleaning up orphan processes')
    await endTracked(trackingId(options.world.home, job.id))
    mark(last, { status: 'completed', conclusion: 'success', completedAt: now() })
    if (timedOut) {
      const message = `The job has exceeded the maximum execution time of ${minutes}m0s`
      log.write(`##[error]${message}`)
      save({ annotations: [...job.annotations, { level: 'failure', message, title: null }] })
    }
    const ended = runtime.failed ? 'failure' : 'success'
    const conclusion = timedOut ? 'failure' : request.signal.aborted ? 'cancelled' : ended
    const scope = runtime.scope()
    save({ outputs: outputsOf(request, scope, log), environment: environmentOf(request, scope) })
    save({ status: 'completed', conclusion, completedAt: now() })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    log.write(`##[error]${message}`)
    save(brokenOff(job, 'failure', message, null))
  } finally {
    clearTimeout(timer)
    revokeToken(options.records, token)
    await endTracked(trackingId(options.world.home, job.id))
    await rm(root, { recursive: true, force: true, maxRetries: 5 })
  }
  return job
}

function settle(runtime: JobRuntime, id: string | undefined, result: StepResult, signal: AbortSignal): void {
  if (result.conclusion === 'failure') runtime.failed = true
  runtime.cancelled = signal.aborted
  if (id !== undefined)
    runtime.steps[id] = { outputs: result.outputs, outcome: result.outcome, conclusion: result.conclusion }
}

function stepName(step: JobRequest['definition']['steps'][number], scope: Scope): string {
  const plain =
    step.name ??
    (step.uses === undefined ? `Run ${(step.run ?? '').trim().split('\n')[0]}` : `Run ${step.uses}`)
  // What a name speaks of may not be known before its step: then it stays as it is written.
  try {
    return interpolate(plain, scope)
  } catch {
    return plain
  }
}

function outputsOf(
  { definition, secrets }: JobRequest,
  scope: Scope,
  log: JobLog,
): Readonly<Record<string, string>> {
  const hidden = Object.values(secrets).filter(value => value !== '')
  const named = Object.entries(definition.outputs).map(
    ([name, text]) => [name, interpolate(text, scope)] as const,
  )
  return Object.fromEntries(
    named.filter(([name, value]) => {
      const tells = hidden.some(secret => value.includes(secret))
      if (tells) log.write(`##[warning]Skip output '${name}' since it may contain secret.`)
      return !tells
    }),
  )
}

function environmentOf({ definition, job }: JobRequest, scope: Scope): Job['environment'] {
  const url = definition.environment?.url
  return job.environment === null || url === undefined
    ? job.environment
    : { ...job.environment, url: interpolate(url, scope) }
}
