import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { Leftover } from '../../engine/events.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress, StepId, Undone } from '../../engine/step.ts'
import type { Plan } from '../../tools/terraform/plan-document.ts'
import { applyPlan, makePlan, readOutputs } from '../../tools/terraform/terraform.ts'
import type { Context } from '../phase.ts'
import { cloudOf } from './cloud-of.ts'
import { approveLosses } from './consent.ts'
import { holdsData } from './data-bearing.ts'
import { planWithRemnants } from './plan-with-remnants.ts'
import { openRoot, rootVariables } from './root.ts'

/**
 * Takes a root back. The cluster goes whole. The foundation is made dormant when data is kept: everything that costs
 * and that data at rest does not need goes; with `--destroy-data` it goes whole, after a last snapshot.
 */
export async function destroyRoot(
  context: Context,
  cloudName: CloudName,
  root: RootName,
  step: StepId,
  progress: Progress,
): Promise<Undone> {
  const cloud = cloudOf(context, cloudName)
  const missing = await cloud.missingPreparations(context.signal)
  if (missing.length > 0) return { removed: [], kept: [], left: [] }
  const keepData = root === 'foundation' && !context.consent.destroyData
  const foundation =
    root === 'cluster' ? await outputsOfFoundation(context, cloudName, step, progress) : undefined
  if (root === 'cluster' && foundation === undefined) return { removed: [], kept: [], left: [] }

  const variables = {
    ...rootVariables(context, cloudName, root, foundation),
    ...(keepData ? { dormant: true } : {}),
  }
  const scope = await openRoot(context, cloudName, root, step, variables, progress)
  const plan = await planWithRemnants(context, cloud, scope, progress)
  if (!plan.hadState) return { removed: [], kept: [], left: [] }
  // A foundation that never got as far as its data would be completed by the dormant apply: then it goes whole.
  if (keepData && plan.existingTypes.some(holdsData)) {
    await approveLosses(context, scope.workspace.name, plan)
    await applyPlan(scope, plan, progress)
    return { removed: removedBy(plan, cloudName), kept: await keptData(context, cloudName), left: [] }
  }
  if (root === 'foundation') {
    await cloud.releaseData({ finalSnapshot: context.consent.finalSnapshot }, context.signal, message =>
      progress.report(message),
    )
  }
  const destruction = await makePlan(scope, progress, { destroy: true })
  await applyPlan(scope, destruction, progress)
  return { removed: removedBy(destruction, cloudName), kept: [], left: [] }
}

async function outputsOfFoundation(
  context: Context,
  cloudName: CloudName,
  step: StepId,
  progress: Progress,
): Promise<JsonObject | undefined> {
  const variables = rootVariables(context, cloudName, 'foundation', undefined)
  const scope = await openRoot(context, cloudName, 'foundation', step, variables, progress)
  const outputs = await readOutputs(scope)
  return Object.keys(outputs).length === 0 ? undefined : outputs
}

async function keptData(context: Context, cloudName: CloudName): Promise<readonly Leftover[]> {
  const kept: Leftover[] = []
  for await (const resource of cloudOf(context, cloudName).inventory(context.signal)) {
    const { type, id, name } = resource
    if (!resource.holdsData) continue
    kept.push({ cloud: cloudName, type, id, name, reason: 'holds data; --destroy-data removes it' })
  }
  return kept
}

export function removedBy(plan: Plan, cloudName: CloudName): readonly Leftover[] {
  return plan.changes
    .filter(({ kind }) => kind === 'destroy')
    .map(change => ({
      cloud: cloudName,
      type: change.type,
      id: change.id ?? change.address,
      name: change.address,
      reason: 'destroyed by terraform',
    }))
}
