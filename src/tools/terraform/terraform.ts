import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress } from '../../engine/step.ts'
import { environment, runLocked, runTerraform, type TerraformScope } from './command.ts'
import { parseMessage, progressive } from './messages.ts'
import { outputsSchema, visibleOutputs } from './outputs.ts'
import { type Plan, parsePlan } from './plan-document.ts'
import { outputsInPlan } from './plan-file.ts'
import { backendFile, planFile, readIfThere } from './workspace.ts'

const quiet: Progress = { report: () => undefined }
const initialisedFile = '.terraform/mlp-initialised.json'
/**
 * The gcs backend asks a store that cannot be reached again and again, for ever, and hears no signal meanwhile (seen by
 * its stacks, terraform 1.11.4). Providers are hundreds of MiB; with those that run already nothing is downloaded.
 */
const downloadingMs = 1_800_000
const readingMs = 180_000
const rescuedStateFile = 'errored.tfstate'
/** terraform's statemgr.CheckValidImport, and a file that a kill or a full disk cut short. */
const rejected =
  /cannot import state with (serial|lineage)|error reading source state|unexpected end of JSON/i

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
  await runTerraform(scope, ['init', '-input=false', '-no-color', `-backend-config=${backendFile}`], {
    timeoutMs: environment(scope)['TF_REATTACH_PROVIDERS'] === undefined ? downloadingMs : readingMs,
  })
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

/** What a comparison with the world found: changes to make, or none and the root's outputs. */
export type Comparison =
  | { readonly changed: true; readonly plan: Plan }
  | { readonly changed: false; readonly outputs: JsonObject }

/** Like `makePlan`; that there is nothing to change is known without reading the plan. */
export async function compareWithWorld(scope: TerraformScope): Promise<Comparison> {
  if (await savePlan(scope, quiet, [])) return { changed: true, plan: await showPlan(scope) }
  const outputs = await outputsInPlan(join(scope.workspace.folder, planFile))
  return { changed: false, outputs: outputs ?? (await readOutputs(scope)) }
}

async function savePlan(
  scope: TerraformScope,
  progress: Progress,
  flags: readonly string[],
): Promise<boolean> {
  const args = ['plan', '-input=false', '-json', '-detailed-exitcode', `-out=${planFile}`, ...flags]
  const { exitCode } = await runLocked(scope, progress, args, { acceptExitCodes: [0, 2] })
  return exitCode === 2
}

async function showPlan(scope: TerraformScope): Promise<Plan> {
  return parsePlan((await runTerraform(scope, ['show', '-json', planFile])).stdout)
}

/**
 * Applies the plan of the last `makePlan`; terraform refuses it when the state moved on since.
 * @returns the root's outputs afterwards, sensitive ones left out; undefined when terraform told none
 */
export async function applyPlan(
  scope: TerraformScope,
  plan: Plan,
  progress: Progress,
): Promise<JsonObject | undefined> {
  const total = Math.max(plan.changes.length, 1)
  let finished = 0
  let outputs: JsonObject | undefined
  const running = new Map<string, string>()
  await runLocked(scope, progress, ['apply', '-input=false', '-json', planFile], {
    onLine: line => {
      const message = parseMessage(line)
      if (message?.type === 'outputs') outputs = visibleOutputs(message.outputs)
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
      progress.report(
        `${doing} (${Math.min(finished, total)} of ${total} done)`,
        Math.min(finished / total, 1),
      )
    },
  })
  await rm(join(scope.workspace.folder, planFile), { force: true })
  return outputs
}

/** `terraform import`: takes one existing resource into the state, without an apply. */
export async function importResource(
  scope: TerraformScope,
  address: string,
  id: string,
  progress: Progress,
): Promise<void> {
  await runLocked(scope, progress, ['import', '-input=false', '-no-color', address, id])
}

/** Sets or takes back terraform's mark that a resource was not made completely; the next plan then replaces it, or keeps it. */
export async function markTainted(
  scope: TerraformScope,
  address: string,
  tainted: boolean,
  progress: Progress,
): Promise<void> {
  await runLocked(scope, progress, [tainted ? 'taint' : 'untaint', '-no-color', address])
}

/** The root's outputs from its remote state; sensitive ones are left out. */
export async function readOutputs(scope: TerraformScope): Promise<JsonObject> {
  const { stdout } = await runTerraform(scope, ['output', '-json', '-no-color'])
  return visibleOutputs(outputsSchema.parse(JSON.parse(stdout)))
}

/**
 * terraform leaves this file when it could not write the remote state: it is the newest truth there is. When the
 * remote state has moved on since, it is set aside, and what it alone knew is found in the cloud and adopted.
 */
async function pushRescuedState(scope: TerraformScope, progress: Progress): Promise<void> {
  const file = join(scope.workspace.folder, rescuedStateFile)
  if ((await readIfThere(file)) === undefined) return
  progress.report('saving the state that an earlier run could not')
  try {
    await runLocked(scope, progress, ['state', 'push', '-no-color', rescuedStateFile])
  } catch (error) {
    if (!(error instanceof MlpError) || !rejected.test(error.detail ?? '')) throw error
    const aside = `${file}.${new Date().toISOString().replaceAll(':', '-')}`
    await rename(file, aside)
    scope.context.emit({
      type: 'notice',
      level: 'warning',
      message: `${scope.workspace.name}: the state that an earlier run could not save is out of date and was set aside as ${aside}`,
    })
    return
  }
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
