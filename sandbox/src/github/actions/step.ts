import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { builtinActions } from './builtin/actions.ts'
import { parseCommand, readAssignments, readLines } from './commands.ts'
import { condition, interpolate, isTruthy, type Scope, settingValue } from './expressions.ts'
import type { JobRequest } from './job-request.ts'
import type { JobRuntime } from './job-runtime.ts'
import { runStep } from './process.ts'
import type { Step } from './workflow.ts'

export interface StepResult {
  readonly outputs: Readonly<Record<string, string>>
  readonly outcome: 'success' | 'failure' | 'skipped' | 'cancelled'
  readonly conclusion: 'success' | 'failure' | 'skipped' | 'cancelled'
}

/** A step that fails, in words for its log. */
class StepFailure extends Error {}

/** Runs a step where its condition lets it. */
export async function runOneStep(
  runtime: JobRuntime,
  step: Step,
  signal: AbortSignal,
  report: { readonly name: string; begin(): void },
): Promise<StepResult> {
  const { log } = runtime
  runtime.cancelled = signal.aborted
  const environment = Object.fromEntries(
    Object.entries(step.env).map(([name, text]) => [name, interpolate(text, runtime.scope())]),
  )
  const plain = runtime.scope()
  const scope: Scope = {
    ...plain,
    contexts: { ...plain.contexts, env: { ...runtime.jobEnvironment, ...environment } },
  }
  const fail = (message: string, ended: 'failure' | 'cancelled' = 'failure'): StepResult => {
    log.write(`##[error]${message}`)
    if (ended === 'failure') runtime.annotate('failure', message, null)
    const forgiven = ended === 'failure' && isTruthy(settingValue(step['continue-on-error'], scope))
    return { outputs: {}, outcome: ended, conclusion: forgiven ? 'success' : ended }
  }
  try {
    if (!condition(step.if, scope)) return { outputs: {}, outcome: 'skipped', conclusion: 'skipped' }
  } catch (error) {
    return fail(`The template is not valid. ${message(error)}`)
  }
  report.begin()
  const stop = new AbortController()
  const minutes =
    step['timeout-minutes'] === undefined ? undefined : Number(settingValue(step['timeout-minutes'], scope))
  const timer = minutes === undefined ? undefined : setTimeout(() => stop.abort(), minutes * 60_000)
  // One that runs although the job was cancelled is not cancelled by that again.
  const outer = signal.aborted ? [] : [signal]
  try {
    const result = await perform(
      runtime,
      step,
      scope,
      environment,
      report.name,
      AbortSignal.any([...outer, stop.signal]),
    )
    if (stop.signal.aborted)
      return fail(`The action '${report.name}' has timed out after ${minutes} minutes.`)
    if (outer.some(one => one.aborted))
      return { ...fail('The operation was canceled.', 'cancelled'), outputs: result.outputs }
    if (result.problem === undefined)
      return { outputs: result.outputs, outcome: 'success', conclusion: 'success' }
    return { ...fail(result.problem), outputs: result.outputs }
  } catch (error) {
    if (outer.some(one => one.aborted)) return fail('The operation was canceled.', 'cancelled')
    return fail(message(error))
  } finally {
    clearTimeout(timer)
  }
}

interface Performed {
  readonly outputs: Readonly<Record<string, string>>
  readonly problem: string | undefined
}

async function perform(
  runtime: JobRuntime,
  step: Step,
  scope: Scope,
  environment: Readonly<Record<string, string>>,
  name: string,
  signal: AbortSignal,
): Promise<Performed> {
  const { log } = runtime
  const files = {
    GITHUB_OUTPUT: runtime.newFile('output'),
    GITHUB_ENV: runtime.newFile('env'),
    GITHUB_PATH: runtime.newFile('path'),
    GITHUB_STATE: runtime.newFile('state'),
    GITHUB_STEP_SUMMARY: join(runtime.temp, 'summary.md'),
  }
  for (const [kind, file] of Object.entries(files))
    if (kind !== 'GITHUB_STEP_SUMMARY' || !existsSync(file)) writeFileSync(file, '', { mode: 0o600 })
  const outputs: Record<string, string> = {}
  const whole = {
    ...runtime.environment,
    ...runtime.jobEnvironment,
    ...environment,
    ...files,
    GITHUB_ACTION: step.id ?? '__run',
    PATH: runtime.path.join(delimiter),
  }
  log.write(`##[group]${name}`)
  const interpreter = outputLines(runtime, outputs)
  let problem: string | undefined
  if (step.run !== undefined) {
    const script = interpolate(step.run, scope)
    for (const line of script.trimEnd().split('\n')) log.write(line)
    const { shell, folder } = settingsOf(runtime, step, scope)
    if (!existsSync(folder) || !statSync(folder).isDirectory())
      throw new StepFailure(
        `An error occurred trying to start process: the working directory '${folder}' does not exist`,
      )
    const { file, args, shown } = shellCommand(shell, runtime, script)
    log.write(`shell: ${shown}`)
    for (const [variable, value] of Object.entries({ ...runtime.jobEnvironment, ...environment }))
      log.write(`  ${variable}: ${value}`)
    log.write('##[endgroup]')
    const code = await runStep({ file, args, cwd: folder, environment: whole, signal, onLine: interpreter })
    if (code !== 0) problem = `Process completed with exit code ${code}.`
  } else {
    const uses = step.uses ?? ''
    const inputs = Object.fromEntries(
      Object.entries(step.with).map(([key, text]) => [key.toLowerCase(), interpolate(text, scope)]),
    )
    log.write('with:')
    for (const [key, value] of Object.entries(inputs)) log.write(`  ${key}: ${value}`)
    log.write('##[endgroup]')
    await act(runtime, uses, inputs, whole, outputs, signal)
  }
  Object.assign(outputs, readAssignments(files.GITHUB_OUTPUT))
  const added = readAssignments(files.GITHUB_ENV)
  for (const forbidden of ['NODE_OPTIONS'])
    if (forbidden in added)
      throw new StepFailure(`Can't store ${forbidden} output parameter using '$GITHUB_ENV' command.`)
  // Of a name that the job's own `env` has, too, the newer one counts.
  Object.assign(runtime.jobEnvironment, added)
  runtime.path = [...readLines(files.GITHUB_PATH).toReversed(), ...runtime.path]
  return { outputs, problem }
}

async function act(
  runtime: JobRuntime,
  uses: string,
  inputs: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
  outputs: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const { log, request } = runtime
  const { actions } = request.repository
  const [, name = '', ref = ''] = /^([^@]+)@(.+)$/.exec(uses) ?? []
  if (name === '')
    throw new StepFailure(
      `The sandbox runs no action of the kind '${uses}': only published ones, by owner/name@ref.`,
    )
  if (actions.shaPinning && !/^[0-9a-f]{40}$/.test(ref))
    throw new StepFailure(
      `The action ${uses} is not allowed in ${request.repository.owner}/${request.repository.name} because all actions must be pinned to a full-length commit SHA.`,
    )
  if (!isAllowed(name, actions))
    throw new StepFailure(
      `The action ${uses} is not allowed to be used in ${request.repository.owner}/${request.repository.name}.`,
    )
  const action = builtinActions[name.toLowerCase()]
  if (action === undefined)
    throw new StepFailure(
      `Unable to resolve action '${uses}': the sandbox's runner downloads none, and has only its own of ${Object.keys(builtinActions).join(', ')}.`,
    )
  log.write(`${name} is the sandbox's own (simulated): it does what the published one does, by other code.`)
  await action({
    inputs,
    environment,
    runtime,
    signal,
    setOutput(key, value) {
      outputs[key] = value
    },
    exportVariable(key, value) {
      runtime.jobEnvironment[key] = value
    },
    addPath(folder) {
      runtime.path = [folder, ...runtime.path]
    },
  })
}

function isAllowed(name: string, actions: JobRequest['repository']['actions']): boolean {
  if (actions.allowed === 'all') return true
  if (actions.allowed === 'local_only') return false
  const { github_owned_allowed, verified_allowed, patterns_allowed } = actions.selected
  if (github_owned_allowed && /^(actions|github)\//.test(name)) return true
  if (verified_allowed && /^(aws-actions|google-github-actions|azure)\//i.test(name)) return true
  return patterns_allowed.some(pattern => {
    const bare = pattern.replace(/@.*$/, '')
    return bare.endsWith('*') ? name.startsWith(bare.slice(0, -1)) : bare === name
  })
}

/** What a step writes: into the log, but for commands, which are carried out. */
function outputLines(runtime: JobRuntime, outputs: Record<string, string>): (line: string) => void {
  let until: string | undefined
  return line => {
    const { log } = runtime
    if (until !== undefined) {
      if (line.trim() === `::${until}::`) until = undefined
      else log.write(line)
      return
    }
    const command = parseCommand(line)
    switch (command?.name) {
      case 'error':
      case 'warning':
      case 'notice':
        log.write(`##[${command.name}]${command.value}`)
        runtime.annotate(
          command.name === 'error' ? 'failure' : command.name,
          command.value,
          command.properties['title'] ?? null,
        )
        break
      case 'group':
        log.write(`##[group]${command.value}`)
        break
      case 'endgroup':
        log.write('##[endgroup]')
        break
      case 'debug':
        break
      case 'add-mask':
        log.mask(command.value)
        log.write('::add-mask::***')
        break
      case 'stop-commands':
        until = command.value
        break
      case 'set-output':
        outputs[command.properties['name'] ?? ''] = command.value
        break
      default:
        log.write(line)
    }
  }
}

function settingsOf(
  runtime: JobRuntime,
  step: Step,
  scope: Scope,
): { readonly shell: string | undefined; readonly folder: string } {
  const { workflow, definition } = runtime.request
  const [inner, outer] = [definition.defaults.run, workflow.defaults.run]
  const folder = step['working-directory'] ?? inner?.['working-directory'] ?? outer?.['working-directory']
  const shell = step.shell ?? inner?.shell ?? outer?.shell
  return {
    shell: shell === undefined ? undefined : interpolate(shell, scope),
    folder: resolve(runtime.workspace, folder === undefined ? '.' : interpolate(folder, scope)),
  }
}

/** https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell */
function shellCommand(
  shell: string | undefined,
  runtime: JobRuntime,
  script: string,
): { readonly file: string; readonly args: readonly string[]; readonly shown: string } {
  const known: Readonly<Record<string, readonly [string, string]>> = {
    '': ['sh', 'bash -e {0}'],
    bash: ['sh', 'bash --noprofile --norc -e -o pipefail {0}'],
    sh: ['sh', 'sh -e {0}'],
    python: ['py', 'python3 {0}'],
  }
  if (shell === 'pwsh' || shell === 'powershell' || shell === 'cmd')
    throw new StepFailure(`The sandbox's runner has no ${shell}: use bash, sh or python.`)
  const [extension, template] = known[shell ?? ''] ?? ['sh', shell ?? '']
  if (!template.includes('{0}'))
    throw new StepFailure(
      `Invalid shell option. Shell must be a valid built-in (bash, sh, python) or a format string containing '{0}'`,
    )
  mkdirSync(runtime.temp, { recursive: true })
  const file = `${runtime.newFile('script')}.${extension}`
  writeFileSync(file, `${script}\n`, { mode: 0o700 })
  const shown = template.replaceAll('{0}', file)
  const [program = '', ...args] = shown.split(' ')
  return { file: program, args, shown }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
