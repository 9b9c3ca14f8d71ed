import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../../engine/errors.ts'
import type { EngineContext, Progress } from '../../engine/step.ts'
import { type CommandResult, runCommand } from '../exec.ts'
import { collectorSettings } from './collector.ts'
import { terraformFailure } from './failure.ts'
import { findLivingTerraform } from './living.ts'
import { type Diagnostic, parseMessage, plainErrors, spokenLine } from './messages.ts'
import { forgetRuns, isOurs, readRuns, recordRun } from './run-record.ts'
import { findStateLock, isUnnamedLock, type StateLock } from './state-lock.ts'
import type { Workspace } from './workspace.ts'

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

interface CommandOptions {
  /** How long it may take; without it, as long as it takes. */
  readonly timeoutMs?: number
  readonly acceptExitCodes?: readonly number[]
  readonly onLine?: (line: string) => void
}

/** Runs a command that takes no state lock. Throws MlpError MLP2101 with terraform's own diagnostics when it fails. */
export async function runTerraform(
  scope: TerraformScope,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { context, workspace, binary, step } = scope
  const diagnostics: Diagnostic[] = []
  const plain: string[] = []
  try {
    return await runCommand(context, {
      file: binary,
      // Named on the command line too, so that a terraform can be told from others by whoever lists processes.
      args: [`-chdir=${workspace.folder}`, ...args],
      cwd: workspace.folder,
      env: environment(scope),
      secrets: secretValues(workspace),
      step,
      cloud: workspace.cloud,
      ...(options.acceptExitCodes === undefined ? {} : { acceptExitCodes: options.acceptExitCodes }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      toText: spokenLine,
      onLine: (line, stream) => {
        const message = parseMessage(line)
        if (message?.type === 'diagnostic') diagnostics.push(message.diagnostic)
        else if (stream === 'stderr') plain.push(line)
        options.onLine?.(line)
      },
    })
  } catch (error) {
    throw terraformFailure(error, workspace, [...diagnostics, ...plainErrors(plain)])
  }
}

/** Whoever takes a lock names itself with the next request; who has not by then was killed between the two. */
const namingMs = 5_000

/**
 * Runs a command that takes the state lock. A lock that a dead run of ours left is freed, once; any other is reported
 * (MLP2102, exit 6).
 */
export async function runLocked(
  scope: TerraformScope,
  progress: Progress,
  args: readonly string[],
  options: CommandOptions = {},
  hasWaited = false,
): Promise<CommandResult> {
  const { name, folder, backend } = scope.workspace
  const { signal } = scope.context
  await waitForLivingTerraform(scope, progress)
  try {
    return await recorded(scope, args, options)
  } catch (error) {
    const detail = error instanceof MlpError ? (error.detail ?? '') : ''
    if (isUnnamedLock(detail) && backend.freeUnnamedLock !== undefined && readRuns(folder).length > 0) {
      if (!hasWaited) {
        progress.report('waiting for the state lock to name its holder')
        await delay(namingMs, undefined, { signal })
        return await runLocked(scope, progress, args, options, true)
      }
      await backend.freeUnnamedLock(signal)
      const message = `freed the state lock of ${name}: an earlier run died before it could name itself there`
      scope.context.emit({ type: 'notice', level: 'warning', message })
      forgetRuns(folder)
      return await recorded(scope, args, options)
    }
    const lock = findStateLock(detail)
    if (lock === undefined) throw error
    if (!readRuns(folder).some(run => isOurs(lock, run))) throw lockedByOthers(lock, scope, error)
    progress.report(`freeing the state lock of an earlier run that died (${lock.operation})`)
    await runTerraform(scope, ['force-unlock', '-force', '-no-color', lock.id])
    forgetRuns(folder)
    return await recorded(scope, args, options)
  }
}

/** Keeps the record when terraform may have left its lock: when it was killed, and when it says so itself. */
async function recorded(
  scope: TerraformScope,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const record = recordRun(scope.workspace.folder)
  try {
    const result = await runTerraform(scope, args, options)
    forgetRuns(scope.workspace.folder)
    return result
  } catch (error) {
    const failed = error instanceof MlpError && error.code === 'MLP2101'
    if (failed && !/releasing the state lock/i.test(error.detail ?? '')) record.withdraw()
    else record.ended()
    throw error
  }
}

/** mlp may have been killed while its terraform went on: that one must end before the state is touched. */
async function waitForLivingTerraform({ workspace, context }: TerraformScope, progress: Progress) {
  for (;;) {
    const pid = await findLivingTerraform(workspace.folder)
    if (pid === undefined) return
    progress.report(`waiting for terraform of an earlier run to end (pid ${pid})`)
    await delay(250, undefined, { signal: context.signal })
  }
}

function lockedByOthers(lock: StateLock, scope: TerraformScope, cause: unknown): MlpError {
  return new MlpError({
    code: 'MLP2102',
    summary: `The terraform state of ${scope.workspace.name} is locked by ${lock.who}`,
    detail: `Operation ${lock.operation}, since ${new Date(lock.createdAtMs).toISOString()}, lock id ${lock.id}.`,
    remedy: [
      'Wait until that run has ended, then run the same command again.',
      `If it is dead for certain: cd ${scope.workspace.folder} && terraform force-unlock ${lock.id}`,
    ],
    cause,
  })
}

export function environment(scope: TerraformScope): Record<string, string | undefined> {
  const foreign = Object.keys(process.env).filter(name =>
    /^TF_(VAR_|CLI_ARGS|WORKSPACE|DATA_DIR|LOG|REATTACH)/.test(name),
  )
  return {
    ...Object.fromEntries(foreign.map(name => [name, undefined])),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    ...collectorSettings(),
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
