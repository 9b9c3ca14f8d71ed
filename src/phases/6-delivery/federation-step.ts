import type { CloudName } from '../../clouds/cloud.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { Status } from '../../engine/step.ts'
import { templateHash } from '../../tools/terraform/workspace.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { rootFolders, rootVariables } from '../1-infrastructure/root.ts'
import {
  applySmallRoot,
  type SmallRoot,
  smallRootStatus,
  undoSmallRoot,
} from '../1-infrastructure/small-root.ts'
import { infrastructureOutputs } from '../2-kubernetes/declarations.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { federationStepId } from './federation.ts'
import { repositoryFacts, repositoryStepId, subjectOf, wantedDelivery } from './repository.ts'

const root = 'delivery' as const

/** The cloud trusts tokens of this repository's jobs, in these environments and no others: a terraform root of its own. */
export function federationStep(cloudName: CloudName): PlatformStep {
  const id = federationStepId(cloudName)
  const small: SmallRoot = { cloud: cloudName, root, step: id }
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
      return await smallRootStatus(context, small, variables)
    },
    async apply(context, progress) {
      const variables = await variablesOf(context, cloudName)
      if (variables === undefined) throw new Error(`${id} has no repository to trust`)
      return await applySmallRoot(context, small, variables, progress)
    },
    async undo(context, progress) {
      const variables = (await variablesOf(context, cloudName)) ?? placeholders(context, cloudName)
      return await undoSmallRoot(context, small, variables, progress)
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
