import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { now } from '../hub.ts'
import type { Job } from '../records.ts'
import { issueToken, revokeToken } from '../tokens.ts'
import { githubContext } from './contexts.ts'
import { interpolate, isTruthy, type Scope, settingValue } from './expressions.ts'
import { type JobLog, openJobLog } from './job-log.ts'
import type { JobRequest } from './job-request.ts'
import type { JobRuntime } from './job-runtime.ts'
import { endTracked, trackingId, trackingVariable } from './process.ts'
import { runOneStep, type StepResult } from './step.ts'
import { tokenPermissions } from './workflow.ts'

type Conclusion = NonNullable<Job['conclusion']>

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
  const runtime = prepare(request, root, token, permissions, log, (level, message, title) =>
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
    ...definition.steps.map((step, index) => stepName(step, index, runtime.scope())),
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
    const conclusion: Conclusion = timedOut
      ? 'cancelled'
      : request.signal.aborted
        ? 'cancelled'
        : runtime.failed
          ? 'failure'
          : 'success'
    const scope = runtime.scope()
    save({ outputs: outputsOf(request, scope, log), environment: environmentOf(request, scope) })
    save({ status: 'completed', conclusion: timedOut ? 'failure' : conclusion, completedAt: now() })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    log.write(`##[error]${message}`)
    save({
      status: 'completed',
      conclusion: 'failure',
      completedAt: now(),
      annotations: [...job.annotations, { level: 'failure', message, title: null }],
      steps: job.steps.map(step =>
        step.status === 'completed'
          ? step
          : {
              ...step,
              status: 'completed',
              conclusion: step.status === 'in_progress' ? 'failure' : 'skipped',
              completedAt: now(),
            },
      ),
    })
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

function stepName(step: JobRequest['definition']['steps'][number], _index: number, scope: Scope): string {
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

/** Where the job works, what its steps find in their environment, and what expressions see. */
function prepare(
  request: JobRequest,
  root: string,
  token: string,
  permissions: Readonly<Record<string, string>>,
  log: JobLog,
  annotate: JobRuntime['annotate'],
): JobRuntime {
  const { options, repository, run, job, workflow, definition } = request
  const { world, bases } = options
  const workspace = join(root, repository.name, repository.name)
  const [temp, home, bin] = [join(root, '_temp'), join(root, '_home'), join(root, '_bin')]
  for (const folder of [workspace, temp, home, bin]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  // The same Node and the same mlp that the sandbox is of.
  symlinkSync(process.execPath, join(bin, 'node'))
  symlinkSync(fileURLToPath(new URL('../../../../bin/mlp.js', import.meta.url)), join(bin, 'mlp'))
  const eventFile = join(temp, 'event.json')
  const github = {
    ...githubContext(options, repository, run),
    token,
    job: job.key,
    workspace,
    event_path: eventFile,
  }
  writeFileSync(eventFile, JSON.stringify(run.payload), { mode: 0o600 })
  const real = (name: string) => (process.env[name] === undefined ? {} : { [name]: process.env[name] })
  const npmSettings = process.env['npm_config_userconfig'] ?? join(homedir(), '.npmrc')
  const path = (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter)
  const environment: Record<string, string> = {
    ...Object.assign(
      {},
      ...[
        'LANG',
        'USER',
        'LOGNAME',
        'SHELL',
        'GOPROXY',
        'GOSUMDB',
        'GOFLAGS',
        'GONOSUMDB',
        'GOTOOLCHAIN',
      ].map(real),
    ),
    LC_ALL: 'C.UTF-8',
    ...options.toolEnvironment(),
    NODE_EXTRA_CA_CERTS: world.caFile,
    GIT_SSL_CAINFO: world.caFile,
    GIT_TERMINAL_PROMPT: '0',
    // Endpoints of the sandbox's clouds, and none of its credentials: those come by OIDC.
    AWS_ENDPOINT_URL: world.endpoints.aws,
    AWS_EC2_METADATA_DISABLED: 'true',
    AZURE_AUTHORITY_HOST: world.endpoints.azure,
    MLP_SANDBOX_HOME: world.home,
    MLP_TOOLS_CACHE:
      process.env['MLP_TOOLS_CACHE'] ??
      join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mlp', 'tools'),
    ...(existsSync(npmSettings) ? { npm_config_userconfig: npmSettings } : {}),
    npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
    GOCACHE: process.env['GOCACHE'] ?? join(homedir(), '.cache', 'go-build'),
    GOMODCACHE: process.env['GOMODCACHE'] ?? join(homedir(), 'go', 'pkg', 'mod'),
    HOME: home,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTOR: run.actor,
    GITHUB_API_URL: bases.api,
    GITHUB_EVENT_NAME: run.event,
    GITHUB_EVENT_PATH: eventFile,
    GITHUB_GRAPHQL_URL: `${bases.api}/graphql`,
    GITHUB_JOB: job.key,
    GITHUB_RUN_ATTEMPT: String(run.attempt),
    GITHUB_RUN_ID: String(run.id),
    GITHUB_RUN_NUMBER: String(run.number),
    GITHUB_SERVER_URL: bases.web,
    GITHUB_SHA: run.sha,
    GITHUB_WORKFLOW: run.name,
    GITHUB_WORKSPACE: workspace,
    ...fromContext(github),
    RUNNER_ARCH: process.arch === 'x64' ? 'X64' : 'ARM64',
    RUNNER_ENVIRONMENT: 'github-hosted',
    RUNNER_NAME: `mlp sandbox on ${hostname()}`,
    RUNNER_OS: process.platform === 'darwin' ? 'macOS' : 'Linux',
    RUNNER_TEMP: temp,
    RUNNER_TOOL_CACHE: join(options.folder, 'tools'),
    [trackingVariable]: trackingId(world.home, job.id),
    ...(permissions['id-token'] === 'write'
      ? {
          ACTIONS_ID_TOKEN_REQUEST_URL: `${bases.web}/_services/idtoken?api-version=2.0`,
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
        }
      : {}),
  }
  const contexts: Record<string, unknown> = {
    github,
    vars: request.variables,
    secrets: { ...request.secrets, GITHUB_TOKEN: token },
    needs: request.needs,
    inputs: run.inputs,
    matrix: job.matrix ?? {},
    strategy: {
      'fail-fast': isTruthy(definition.strategy?.['fail-fast'] ?? true),
      'job-index': job.index,
      'job-total': job.total,
      'max-parallel': job.total,
    },
    runner: {
      name: environment['RUNNER_NAME'],
      os: environment['RUNNER_OS'],
      arch: environment['RUNNER_ARCH'],
      temp,
      tool_cache: environment['RUNNER_TOOL_CACHE'],
      environment: 'github-hosted',
    },
  }
  const runtime: JobRuntime = {
    request,
    workspace,
    temp,
    home,
    log,
    environment,
    path: [bin, ...path],
    jobEnvironment: {},
    steps: {},
    failed: false,
    cancelled: false,
    afterwards: [],
    annotate,
    scope: () => ({
      contexts: {
        ...contexts,
        env: runtime.jobEnvironment,
        steps: runtime.steps,
        job: { status: runtime.cancelled ? 'cancelled' : runtime.failed ? 'failure' : 'success' },
      },
      status: {
        success: !runtime.failed && !runtime.cancelled,
        failure: runtime.failed,
        cancelled: runtime.cancelled,
      },
      workspace,
    }),
    summary: () =>
      existsSync(join(temp, 'summary.md')) ? readFileSync(join(temp, 'summary.md'), 'utf8') : '',
    newFile: name => join(temp, `${name}-${randomUUID()}`),
  }
  for (const given of [workflow.env, definition.env])
    Object.assign(
      runtime.jobEnvironment,
      Object.fromEntries(
        Object.entries(given).map(([name, text]) => [name, interpolate(text, runtime.scope())]),
      ),
    )
  return runtime
}

/** GITHUB_… as the context has it under the same names. */
function fromContext(github: Readonly<Record<string, unknown>>): Record<string, string> {
  const names = [
    'base_ref',
    'head_ref',
    'ref',
    'ref_name',
    'ref_protected',
    'ref_type',
    'repository',
    'repository_id',
    'repository_owner',
    'repository_owner_id',
    'retention_days',
    'triggering_actor',
    'workflow_ref',
    'workflow_sha',
    'actor_id',
  ]
  return Object.fromEntries(names.map(name => [`GITHUB_${name.toUpperCase()}`, String(github[name] ?? '')]))
}
