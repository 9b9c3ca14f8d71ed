import type { CloudName, RootName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { Progress, Status, StepId } from '../../engine/step.ts'
import type { TerraformScope } from '../../tools/terraform/command.ts'
import type { Plan } from '../../tools/terraform/plan-document.ts'
import { type Comparison, compareWithWorld } from '../../tools/terraform/terraform.ts'
import { templateHash } from '../../tools/terraform/workspace.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { cloudOf } from './cloud-of.ts'
import type { PlanAhead } from './plan-ahead.ts'
import { plannedActions, summarise } from './plan-summary.ts'
import { applyWithRemnants } from './plan-with-remnants.ts'
import { findRemnants, withRemnants } from './remnants.ts'
import { openRoot, type RootVariables, rootFolders, rootVariables } from './root.ts'
import { destroyRoot } from './undo-root.ts'

/** The others are later phases'. */
type InfrastructureRoot = Extract<RootName, 'foundation' | 'cluster'>

const titles: Readonly<Record<InfrastructureRoot, string>> = {
  foundation: 'Network, data stores, registry and identities',
  cluster: 'Kubernetes cluster, nodes and add-ons',
}

/** Applies one terraform root: takes up what an interrupted run left, shows the plan, asks, applies with live progress. */
export function applyRootStep(
  cloudName: CloudName,
  root: InfrastructureRoot,
  ahead: PlanAhead,
): PlatformStep {
  const id: StepId = `1.${cloudName}.apply-${root}`
  const needs: readonly StepId[] =
    root === 'foundation' ? [`1.${cloudName}.prepare`] : [`1.${cloudName}.apply-foundation`]
  // status() has to plan, and terraform refuses a saved plan that is out of date: so apply() may use the same one.
  let fresh: Plan | undefined

  const open = (context: Context, progress?: Progress) =>
    openRoot(context, cloudName, root, id, variablesOf(context, cloudName, root), progress)

  const compare = async (context: Context): Promise<Comparison> => {
    await ahead.make(context)
    const known = ahead.take(root, variablesOf(context, cloudName, root))
    return known ?? (await compareWithWorld(await open(context)))
  }

  return {
    id,
    cloud: cloudName,
    title: titles[root],
    needs,
    limits: [`terraform:${cloudName}-${root}`],
    inputs: context => inputsOf(context, cloudName, root),
    ...(root === 'foundation' ? { ahead: ahead.make } : {}),

    async status(context): Promise<Status> {
      const missing = await missingBefore(context, cloudName, root)
      if (missing !== undefined) return { state: 'absent', why: missing }
      const found = await compare(context)
      if (!found.changed) {
        return { state: 'present', outputs: found.outputs, why: 'terraform finds nothing to change' }
      }
      fresh = found.plan
      return { state: fresh.hadState ? 'drifted' : 'absent', why: summarise(fresh) }
    },

    async plan(context) {
      const missing = await missingBefore(context, cloudName, root)
      if (missing !== undefined) {
        return [
          {
            step: id,
            cloud: cloudName,
            subject: `${cloudName}-${root}`,
            action: 'run',
            why: `planned in full later: ${missing}`,
            destroysData: false,
            seconds: null,
            monthlyCost: null,
          },
        ]
      }
      const scope = await open(context)
      const found = await compareWithWorld(scope)
      if (!found.changed) return []
      const remnants = await findRemnants(cloudOf(context, cloudName), found.plan, context.signal)
      const command = `terraform -chdir=${scope.workspace.folder} plan`
      return plannedActions(withRemnants(found.plan, remnants), id, cloudName, command)
    },

    async apply(context, progress) {
      ahead.forget()
      const scope = await open(context, progress)
      const planned = fresh
      fresh = undefined
      const cloud = cloudOf(context, cloudName)
      return complete(await applyWithRemnants(context, cloud, scope, progress, planned), scope)
    },

    undo: (context, progress) => destroyRoot(context, cloudName, root, id, progress),
  }
}

function inputsOf(context: Context, cloudName: CloudName, root: RootName): Json {
  const { template, overrides } = rootFolders(context, cloudName, root)
  const variables =
    root === 'cluster' && foundationOutputs(context, cloudName) === undefined
      ? null
      : variablesOf(context, cloudName, root)
  return { variables, templates: templateHash([template, overrides]) }
}

function variablesOf(context: Context, cloudName: CloudName, root: RootName): RootVariables {
  return rootVariables(
    context,
    cloudName,
    root,
    root === 'cluster' ? foundationOutputs(context, cloudName) : undefined,
  )
}

function foundationOutputs(context: Context, cloudName: CloudName): JsonObject | undefined {
  return context.outputs(`1.${cloudName}.apply-foundation`)
}

/** Why the root cannot be planned yet; undefined when it can. */
async function missingBefore(
  context: Context,
  cloudName: CloudName,
  root: RootName,
): Promise<string | undefined> {
  if (root === 'cluster')
    return foundationOutputs(context, cloudName) === undefined ? 'the foundation is not there yet' : undefined
  if (context.outputs(`1.${cloudName}.prepare`) !== undefined) return undefined
  const missing = await cloudOf(context, cloudName).missingPreparations(context.signal)
  return missing.length === 0 ? undefined : `the account is not prepared (${missing.join(', ')})`
}

/** An output that is empty would only be noticed by whoever reads it, much later. */
function complete(outputs: JsonObject, scope: TerraformScope): JsonObject {
  const empty = Object.entries(outputs)
    .filter(([, value]) => value === null || value === '')
    .map(([name]) => name)
  if (Object.keys(outputs).length > 0 && empty.length === 0) return outputs
  throw new MlpError({
    code: 'MLP2103',
    summary: `terraform's ${scope.workspace.name} has ${empty.length === 0 ? 'no outputs' : `empty outputs: ${empty.join(', ')}`}`,
    detail: `The templates in ${scope.workspace.folder} declare outputs that later steps read.`,
    remedy: ['Check files in overrides/ that change outputs, then run the same command again.'],
  })
}
