import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress, Status, StepId, Undone } from '../../engine/step.ts'
import { applyPlan, compareWithWorld, makePlan } from '../../tools/terraform/terraform.ts'
import type { Context } from '../phase.ts'
import { cloudOf } from './cloud-of.ts'
import { summarise } from './plan-summary.ts'
import { applyWithRemnants, planWithRemnants } from './plan-with-remnants.ts'
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
  return await applyWithRemnants(context, cloudOf(context, small.cloud), scope, progress)
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
  const { hadState } = await planWithRemnants(context, cloud, scope, progress)
  if (!hadState) return nothing
  const destruction = await makePlan(scope, progress, { destroy: true })
  await applyPlan(scope, destruction, progress)
  return { ...nothing, removed: removedBy(destruction, small.cloud) }
}

async function open(context: Context, small: SmallRoot, variables: JsonObject, progress?: Progress) {
  return await openRoot(context, small.cloud, small.root, small.step, variables, progress)
}
