import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { EngineContext, Progress } from '../../engine/step.ts'
import { type CommandResult, runCommand } from '../exec.ts'
import { terraformFailure } from './failure.ts'
import { type Diagnostic, parseMessage, progressive } from './messages.ts'
import { isMissing } from './missing.ts'
import { type Plan, parsePlan } from './plan-document.ts'
import { forgetRuns, holderOf, isAlive, type RunRecord, readRuns, recordRun } from './run-record.ts'
import { findStateLock, type StateLock } from './state-lock.ts'
import { backendFile, planFile, type Workspace } from './workspace.ts'

/** terraform, bound to one workspace and one step. */
export interface TerraformScope {
  readonly context: EngineContext
  /** Absolute path of the terraform binary. */
  readonly binary: string
  readonly workspace: Workspace
  readonly step: string
  /** Absolute path of a CLI configuration file of ours: the operator's own could redirect providers. */
  readonly cliConfigFile: string
}

const initialisedFile = '.terraform/mlp-initialised.json'
const rescuedStateFile = 'errored.tfstate'

/** `terraform init`, skipped when this folder was initialised for the same backend and providers before. */
export async function initialise(scope: TerraformScope, progress: Progress): Promise<void> {
  const { folder } = scope.workspace
  const fingerprint = await initialisationFingerprint(scope)
  if ((await readIfThere(join(folder, initialisedFile))) === fingerprint) {
    await pushRescuedState(scope, progress)
    return
  }
  progress.report('terraform init')
  // A killed init can leave an empty backend record that every later init trips over.
  await rm(join(folder, '.terraform', 'terraform.tfstate'), { force: true })
  await terraform(scope, ['init', '-input=false', '-no-color', `-backend-config=${backendFile}`])
  await writeFile(join(folder, initialisedFile), fingerprint, { mode: 0o600 })
  await pushRescuedState(scope, progress)
}

/**
 * `terraform plan`, saved for `applyPlan`. Refreshes, so what changed behind terraform's back is seen.
 * @returns the parsed plan; `changes` is empty when the world is as declared.
 */
export async function makePlan(
  scope: TerraformScope,
  progress: Progress,
  options: { readonly destroy?: boolean } = {},
): Promise<Plan> {
  progress.report(options.destroy ? 'planning the destruction' : 'comparing with the cloud')
  await savePlan(scope, progress, options.destroy ? ['-destroy'] : [])
  return await showPlan(scope)
}

/** Like `makePlan`, but undefined when there is nothing to change: that is known without reading the plan. */
export async function makePlanIfChanged(
  scope: TerraformScope,
  progress: Progress,
): Promise<Plan | undefined> {
  progress.report('comparing with the cloud')
  const changed = await savePlan(scope, progress, [])
  return changed ? await showPlan(scope) : undefined
}

async function savePlan(
  scope: TerraformScope,
  progress: Progress,
  flags: readonly string[],
): Promise<boolean> {
  const args = ['plan', '-input=false', '-json', '-detailed-exitcode', `-out=${planFile}`, ...flags]
  const { exitCode } = await locked(scope, progress, args, { acceptExitCodes: [0, 2] })
  return exitCode === 2
}

async function showPlan(scope: TerraformScope): Promise<Plan> {
  return parsePlan((await terraform(scope, ['show', '-json', planFile])).stdout)
}

/** Applies the plan of the last `makePlan`; terraform refuses it when the state moved on since. */
export async function applyPlan(scope: TerraformScope, plan: Plan, progress: Progress): Promise<void> {
  const total = Math.max(plan.changes.length, 1)
  let finished = 0
  const running = new Map<string, string>()
  await locked(scope, progress, ['apply', '-input=false', '-json', planFile], {
    onLine: line => {
      const message = parseMessage(line)
      if (message === undefined || !('hook' in message)) return
      const address = message.hook.resource.addr
      if (message.type === 'apply_start') running.set(address, progressive(message.hook.action))
      if (message.type === 'apply_complete' || message.type === 'apply_errored') {
        running.delete(address)
        finished += 1
      }
      const [first] = running
      const doing =
        first === undefined
          ? 'finishing'
          : `${first[1]} ${first[0]}${running.size > 1 ? ` and ${running.size - 1} more` : ''}`
      progress.report(`${Math.min(finished, total)}/${total} ${doing}`, Math.min(finished / total, 1))
    },
  })
  await rm(join(scope.workspace.folder, planFile), { force: true })
}

/** `terraform import`: takes one existing resource into the state, without an apply. */
export async function importResource(
  scope: TerraformScope,
  address: string,
  id: string,
  progress: Progress,
): Promise<void> {
  await locked(scope, progress, ['import', '-input=false', '-no-color', address, id], {})
}

const outputsSchema = z.record(z.string(), z.object({ sensitive: z.boolean(), value: z.json() }))

/** The root's outputs from its remote state; sensitive ones are left out. */
export async function readOutputs(scope: TerraformScope): Promise<JsonObject> {
  const { stdout } = await terraform(scope, ['output', '-json', '-no-color'])
  const outputs = outputsSchema.parse(JSON.parse(stdout))
  const visible: Record<string, Json> = {}
  for (const [name, output] of Object.entries(outputs)) if (!output.sensitive) visible[name] = output.value
  return visible
}

async function terraform(
  scope: TerraformScope,
  args: readonly string[],
  options: {
    readonly acceptExitCodes?: readonly number[]
    readonly onLine?: (line: string) => void
    readonly onStart?: (pid: number) => void
  } = {},
): Promise<CommandResult> {
  const { context, workspace, binary, step } = scope
  const diagnostics: Diagnostic[] = []
  try {
    return await runCommand(context, {
      file: binary,
      args,
      cwd: workspace.folder,
      env: environment(scope),
      secrets: secretValues(workspace),
      step,
      cloud: workspace.cloud,
      ...(options.acceptExitCodes === undefined ? {} : { acceptExitCodes: options.acceptExitCodes }),
      ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
      onLine: line => {
        const message = parseMessage(line)
        if (message?.type === 'diagnostic') diagnostics.push(message.diagnostic)
        options.onLine?.(line)
      },
    })
  } catch (error) {
    throw terraformFailure(error, workspace, diagnostics)
  }
}

/** Runs a command that takes the state lock. A lock that a dead run of ours left is freed, once; any other is reported. */
async function locked(
  scope: TerraformScope,
  progress: Progress,
  args: readonly string[],
  options: Parameters<typeof terraform>[2],
): Promise<CommandResult> {
  const { folder } = scope.workspace
  await waitForLivingRuns(scope, progress)
  try {
    return await recorded(folder, onStart => terraform(scope, args, { ...options, onStart }))
  } catch (error) {
    if (!(error instanceof MlpError)) throw error
    const lock = findStateLock(`${error.message}\n${error.detail ?? ''}`)
    if (lock === undefined) throw error
    if (holderOf(lock, readRuns(folder)) === undefined) throw lockedByOthers(lock, scope, error)
    progress.report(`freeing the state lock of an earlier run that died (${lock.operation})`)
    await terraform(scope, ['force-unlock', '-force', lock.id])
    forgetRuns(folder)
    return await recorded(folder, onStart => terraform(scope, args, { ...options, onStart }))
  }
}

/** Keeps the record when terraform was killed: then it could not free its lock. */
async function recorded(
  folder: string,
  run: (onStart: (pid: number) => void) => Promise<CommandResult>,
): Promise<CommandResult> {
  const record = recordRun(folder)
  try {
    const result = await run(record.started)
    forgetRuns(folder)
    return result
  } catch (error) {
    const endedByItself = error instanceof MlpError && error.code === 'MLP2101'
    if (endedByItself) record.ended()
    throw error
  }
}

/** mlp may have been killed while its terraform went on: that one must end before the state is touched. */
async function waitForLivingRuns(scope: TerraformScope, progress: Progress): Promise<void> {
  const living = (): RunRecord | undefined => readRuns(scope.workspace.folder).find(isAlive)
  for (let run = living(); run !== undefined; run = living()) {
    progress.report(`waiting for terraform of an earlier run to end (pid ${run.pid})`)
    await delay(250, undefined, { signal: scope.context.signal })
  }
}

function lockedByOthers(lock: StateLock, scope: TerraformScope, cause: MlpError): MlpError {
  return new MlpError({
    code: 'MLP2102',
    summary: `The terraform state of ${scope.workspace.name} is locked by ${lock.who}`,
    detail: `Operation ${lock.operation}, since ${new Date(lock.createdAtMs).toISOString()}, lock id ${lock.id}.`,
    remedy: [
      'Wait until that run has ended, then run the same command again.',
      `If it is dead for certain: cd ${scope.workspace.folder} && terraform force-unlock ${lock.id}`,
    ],
    exitCode: exitCodes.locked,
    cause,
  })
}

function environment(scope: TerraformScope): Record<string, string | undefined> {
  const foreign = Object.keys(process.env).filter(name =>
    /^TF_(VAR_|CLI_ARGS|WORKSPACE|DATA_DIR|LOG|REATTACH)/.test(name),
  )
  return {
    ...Object.fromEntries(foreign.map(name => [name, undefined])),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    TF_CLI_CONFIG_FILE: scope.cliConfigFile,
    ...scope.workspace.environment,
  }
}

/** Everything in the environment that opens something; names are the clouds' own. */
function secretValues(workspace: Workspace): readonly string[] {
  const secret = /SECRET|TOKEN|PASSWORD|ACCESS_KEY$|CREDENTIALS/
  return Object.entries(workspace.environment).flatMap(([name, value]) =>
    secret.test(name) && value !== '' ? [value] : [],
  )
}

/** terraform leaves this file when it could not write the remote state: it is the newest truth there is. */
async function pushRescuedState(scope: TerraformScope, progress: Progress): Promise<void> {
  const file = join(scope.workspace.folder, rescuedStateFile)
  try {
    await stat(file)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  progress.report('saving the state that an earlier run could not')
  await terraform(scope, ['state', 'push', rescuedStateFile])
  await rm(file)
}

async function initialisationFingerprint(scope: TerraformScope): Promise<string> {
  const { folder, backend } = scope.workspace
  return JSON.stringify({
    backend,
    versions: await readIfThere(join(folder, 'versions.tf')),
    binary: scope.binary,
  })
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
