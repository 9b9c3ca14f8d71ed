import type { Cloud } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress } from '../../engine/step.ts'
import type { TerraformScope } from '../../tools/terraform/command.ts'
import type { Plan } from '../../tools/terraform/plan-document.ts'
import { applyPlan, importResource, makePlan, readOutputs } from '../../tools/terraform/terraform.ts'
import type { Context } from '../phase.ts'
import { forgetAdoptions, writeAdoptions } from './adoption.ts'
import { approvePlan } from './consent.ts'
import { settledRemnants, takeUpRemnants } from './remnants.ts'

/**
 * Takes up what an interrupted run left, shows the plan, asks, applies. Returns the root's outputs. `planned` is a plan
 * of a moment ago, where there is one.
 */
export async function applyWithRemnants(
  context: Context,
  cloud: Cloud,
  scope: TerraformScope,
  progress: Progress,
  planned?: Plan,
): Promise<JsonObject> {
  let plan = planned ?? (await makePlan(scope, progress))
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

/** Brings what an interrupted run left back into the state, so that a destruction, too, sees it. */
export async function planWithRemnants(
  context: Context,
  cloud: Cloud,
  scope: TerraformScope,
  progress: Progress,
): Promise<Plan> {
  const plan = await makePlan(scope, progress)
  const remnants = await settledRemnants(cloud, plan, context.signal, progress)
  if (remnants.length === 0) return plan
  // Import blocks would do for a dormant foundation, but a destruction ignores them.
  for (const { to, id } of await takeUpRemnants(scope, remnants, progress))
    await importResource(scope, to, id, progress)
  return await makePlan(scope, progress)
}
