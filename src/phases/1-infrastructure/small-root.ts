import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress, Status, StepId, Undone } from '../../engine/step.ts'
import {
  applyPlan,
  compareWithWorld,
  importResource,
  makePlan,
  readOutputs,
} from '../../tools/terraform/terraform.ts'
import type { Context } from '../phase.ts'
import { forgetAdoptions, writeAdoptions } from './adoption.ts'
import { cloudOf } from './cloud-of.ts'
import { approvePlan } from './consent.ts'
import { summarise } from './plan-summary.ts'
import { settledRemnants, takeUpRemnants } from './remnants.ts'
import { openRoot } from './root.ts'
import { removedBy } from './undo-root.ts'

/** A terraform root of a later phase's: it holds no data, and costs nothing. */
export interface SmallRoot {
  readonly cloud: CloudName
  readonly root: Exclude<RootName, 'foundation' | 'cluster'>
  readonly step: StepId
}

export async function smallRootStatus(
  context: Context,
  small: SmallRoot,
  variables: JsonObject,
): Promise<Status> {
  const found = await compareWithWorld(await open(context, small, variables))
  if (!found.changed) {
    return { state: 'present', outputs: found.outputs, why: 'terraform finds nothing to change' }
  }
  return { state: found.plan.hadState ? 'drifted' : 'absent', why: summarise(found.plan) }
}

/** Takes up what an interrupted run left, shows the plan, asks, applies. Returns the root's outputs. */
export async function applySmallRoot(
  context: Context,
  small: SmallRoot,
  variables: JsonObject,
  progress: Progress,
): Promise<JsonObject> {
  const scope = await open(context, small, variables, progress)
  const cloud = cloudOf(context, small.cloud)
  let plan = await makePlan(scope, progress)
  const remnants = await settledRemnants(cloud, plan, context.signal, progress)
  if (remnants.length > 0) {
    await writeAdoptions(scope.workspace.folder, await takeUpRemnants(scope, remnants, progress))
    plan = await makePlan(scope, progress)
  }
  await approvePlan(context, scope.workspace.name, plan)
  const outputs = await applyPlan(scope, plan, progress)
  await forgetAdoptions(scope.workspace.folder)
  return outputs ?? (await readOutputs(scope))
}

/** `variables` may be placeholders: what is destroyed does not depend on their values, only on which things there are. */
export async function undoSmallRoot(
  context: Context,
  small: SmallRoot,
  variables: JsonObject,
  progress: Progress,
): Promise<Undone> {
  const nothing = { removed: [], kept: [], left: [] }
  const cloud = cloudOf(context, small.cloud)
  if ((await cloud.missingPreparations(context.signal)).length > 0) return nothing
  const scope = await open(context, small, variables, progress)
  let plan = await makePlan(scope, progress)
  const remnants = await settledRemnants(cloud, plan, context.signal, progress)
  for (const { to, id } of await takeUpRemnants(scope, remnants, progress))
    await importResource(scope, to, id, progress)
  if (!plan.hadState && remnants.length === 0) return nothing
  plan = await makePlan(scope, progress, { destroy: true })
  await applyPlan(scope, plan, progress)
  return { ...nothing, removed: removedBy(plan, small.cloud) }
}

async function open(context: Context, small: SmallRoot, variables: JsonObject, progress?: Progress) {
  return await openRoot(context, small.cloud, small.root, small.step, variables, progress)
}
