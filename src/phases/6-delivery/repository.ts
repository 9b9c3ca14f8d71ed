import * as z from 'zod'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { type Delivery, deliveryOf } from '../../config/delivery.ts'
import type { Json } from '../../engine/json.ts'
import type { StepId } from '../../engine/step.ts'
import type { Context } from '../phase.ts'
import { type GitHub, openGitHub } from './github.ts'

/** What steps of phase 6 work with. */
export interface Opened {
  readonly github: GitHub
  readonly delivery: Delivery
  /** As every path of the REST API begins. */
  readonly at: { readonly owner: string; readonly repo: string }
}

export const repositoryStepId: StepId = '6.all.repository'

export function wantedDelivery({ config }: Pick<Context, 'config'>): Delivery {
  const delivery = deliveryOf(config)
  if (delivery === undefined) throw new Error('phase 6 has steps only where a repository is configured')
  return delivery
}

export async function open(context: Context): Promise<Opened> {
  const delivery = wantedDelivery(context)
  return {
    github: await openGitHub(context),
    delivery,
    at: { owner: delivery.owner, repo: delivery.name },
  }
}

/** A run of some clouds takes nothing back that the pipeline of the others needs. */
export function isOfOtherClouds({ config, clouds }: Pick<Context, 'config' | 'clouds'>): boolean {
  return configuredClouds(config).some(cloud => !clouds.has(cloud))
}

const outputsSchema = z.object({ subject: z.string(), made: z.boolean(), url: z.string() })
export type RepositoryFacts = z.output<typeof outputsSchema>

/** What the repository's own step found in this run. */
export function repositoryFacts(context: Pick<Context, 'outputs'>): RepositoryFacts | undefined {
  return outputsSchema.safeParse(context.outputs(repositoryStepId)).data
}

/** What a token of a job in this environment of the repository has as `sub`. */
export function subjectOf({ subject }: RepositoryFacts, environment: string): string {
  return `${subject}:environment:${environment}`
}

/** What decides what phase 6 makes; nothing secret. */
export function deliveryInputs(context: Pick<Context, 'config'>): Json {
  const { owner, name, branch, credentials, approvals, mlp } = wantedDelivery(context)
  return { repository: `${owner}/${name}`, branch, credentials, approvals: [...approvals], mlp: mlp ?? null }
}
