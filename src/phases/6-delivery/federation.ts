import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import type { StepId } from '../../engine/step.ts'
import type { Context } from '../phase.ts'

/** What the terraform root `delivery` of each cloud tells: whom jobs become, and as whom a cluster knows them. */
const identitySchema = z.object({
  variables: z.record(z.string(), z.string()),
  subject: z.object({ kind: z.enum(['Group', 'User']), name: z.string() }),
})
const outputsSchema = z.object({ identities: z.object({ deploy: identitySchema, read: identitySchema }) })

export function federationStepId(cloud: CloudName): StepId {
  return `6.${cloud}.federation`
}

export function pipelineIdentity(context: Pick<Context, 'outputs'>, cloud: CloudName) {
  return outputsSchema.safeParse(context.outputs(federationStepId(cloud))).data?.identities
}
