import type { CloudName } from '../../clouds/cloud.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { Progress, Status } from '../../engine/step.ts'
import {
  applyPlan,
  compareWithWorld,
  importResource,
  makePlan,
  readOutputs,
} from '../../tools/terraform/terraform.ts'
import { templateHash } from '../../tools/terraform/workspace.ts'
import { forgetAdoptions, writeAdoptions } from '../1-infrastructure/adoption.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { approvePlan } from '../1-infrastructure/consent.ts'
import { summarise } from '../1-infrastructure/plan-summary.ts'
import { settledRemnants, takeUpRemnants } from '../1-infrastructure/remnants.ts'
import { openRoot, rootFolders, rootVariables } from '../1-infrastructure/root.ts'
import { removedBy } from '../1-infrastructure/undo-root.ts'
import { infrastructureOutputs } from '../2-kubernetes/declarations.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { federationStepId } from './federation.ts'
import { repositoryFacts, repositoryStepId, subjectOf, wantedDelivery } from './repository.ts'

const root = 'delivery' as const

/** The cloud trusts tokens of this repository's jobs, in these environments and no others: a terraform root of its own. */
export function federationStep(cloudName: CloudName): PlatformStep {
  const id = federationStepId(cloudName)
  const open = async (context: Context, variables: JsonObject, progress?: Progress) =>
    await openRoot(context, cloudName, root, id, variables, progress)
  return {
    id,
    cloud: cloudName,
    title: 'Trust in the pipeline, without keys',
    needs: [repositoryStepId, `1.${cloudName}.apply-foundation`, `1.${cloudName}.apply-cluster`],
    limits: [`terraform:${cloudName}-${root}`],
    inputs(context): Json {
      const { template, overrides } = rootFolders(context, cloudName, root)
      return { subjects: subjects(context) ?? null, templates: templateHash([template, overrides]) }
    },
    async status(context): Promise<Status> {
      const variables = await variablesOf(context, cloudName)
      if (variables === undefined) return { state: 'absent', why: 'the repository is not there yet' }
      const found = await compareWithWorld(await open(context, variables))
      if (!found.changed) {
        return { state: 'present', outputs: found.outputs, why: 'terraform finds nothing to change' }
      }
      return { state: found.plan.hadState ? 'drifted' : 'absent', why: summarise(found.plan) }
    },
    async apply(context, progress) {
      const variables = await variablesOf(context, cloudName)
      if (variables === undefined) throw new Error(`${id} has no repository to trust`)
      const scope = await open(context, variables, progress)
      const cloud = cloudOf(context, cloudName)
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
    },
    async undo(context, progress) {
      const nothing = { removed: [], kept: [], left: [] }
      const cloud = cloudOf(context, cloudName)
      if ((await cloud.missingPreparations(context.signal)).length > 0) return nothing
      // What is destroyed does not depend on whom it trusted.
      const variables = (await variablesOf(context, cloudName)) ?? placeholders(context, cloudName)
      const scope = await open(context, variables, progress)
      let plan = await makePlan(scope, progress)
      const remnants = await settledRemnants(cloud, plan, context.signal, progress)
      for (const { to, id: found } of await takeUpRemnants(scope, remnants, progress))
        await importResource(scope, to, found, progress)
      if (!plan.hadState && remnants.length === 0) return nothing
      plan = await makePlan(scope, progress, { destroy: true })
      await applyPlan(scope, plan, progress)
      return { ...nothing, removed: removedBy(plan, cloudName) }
    },
  }
}

function subjects(context: Context): { readonly deploy: string; readonly read: string } | undefined {
  const facts = repositoryFacts(context)
  if (facts === undefined) return undefined
  const { environments } = wantedDelivery(context)
  return { deploy: subjectOf(facts, environments.deploy), read: subjectOf(facts, environments.read) }
}

async function variablesOf(context: Context, cloudName: CloudName): Promise<JsonObject | undefined> {
  const wanted = subjects(context)
  const outputs = infrastructureOutputs(context, cloudName)
  if (wanted === undefined || outputs === undefined) return undefined
  const facts = await cloudOf(context, cloudName).federationFacts(context.signal)
  return rootVariables(context, cloudName, root, { ...outputs, ...facts, subjects: wanted })
}

function placeholders(context: Context, cloudName: CloudName): JsonObject {
  const { owner, name, environments } = wantedDelivery(context)
  const subject = (environment: string) => `repo:${owner}/${name}:environment:${environment}`
  return rootVariables(context, cloudName, root, {
    subjects: { deploy: subject(environments.deploy), read: subject(environments.read) },
  })
}
