import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { githubContext } from './contexts.ts'
import { interpolate, isTruthy } from './expressions.ts'
import type { JobLog } from './job-log.ts'
import type { JobRequest } from './job-request.ts'
import type { JobRuntime } from './job-runtime.ts'
import { trackingId, trackingVariable } from './process.ts'

/** Where the job works, what its steps find in their environment, and what expressions see. */
export function prepareJob(
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
