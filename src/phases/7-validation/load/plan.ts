import * as z from 'zod'
import type { KubeClient } from '../../../kube/client.ts'
import { deploymentOf } from '../../3-applications/applications.ts'

export const profiles = ['smoke', 'load', 'stress', 'soak', 'spike'] as const
export type Profile = (typeof profiles)[number]

/** Inferences a second that one replica of the model servers is there for. */
const perReplica = 25
const smokeRate = 5
/** Of the limit that the key has at the gateway: nothing is learnt from being refused. */
const ofLimit = 0.8
/** Of the rate that the replicas which run are there for. */
const shares: Readonly<Record<Exclude<Profile, 'smoke'>, number>> = {
  load: 0.7,
  stress: 1.5,
  soak: 0.6,
  spike: 1.5,
}

export interface Replicas {
  readonly now: number
  /** What an autoscaler may make of it. */
  readonly most: number
}

export interface LoadPlan {
  readonly rate: number
  readonly why: string
}

/** How many inferences a second, at the peak. */
export function planLoad(
  profile: Profile,
  { now, most }: Replicas,
  limitPerSecond: number | undefined,
): LoadPlan {
  if (profile === 'smoke') return { rate: smokeRate, why: `${smokeRate}/s, as a smoke test` }
  const replicas = profile === 'stress' || profile === 'spike' ? most : now
  const wanted = Math.max(1, Math.round(replicas * perReplica * shares[profile]))
  const why = `${replicas} replicas at ${perReplica}/s each, times ${shares[profile]}`
  const allowed = limitPerSecond === undefined ? undefined : Math.floor(limitPerSecond * ofLimit)
  if (allowed === undefined || wanted <= allowed) return { rate: wanted, why: `${wanted}/s: ${why}` }
  return {
    rate: allowed,
    why: `${allowed}/s instead of ${wanted}/s (${why}): the operator’s key allows ${limitPerSecond}/s (rateLimit in Secret api-gateway-keys)`,
  }
}

const autoscalerSchema = z.looseObject({
  spec: z.looseObject({
    maxReplicas: z.int(),
    scaleTargetRef: z.looseObject({ kind: z.string(), name: z.string() }),
  }),
})
const deploymentSchema = z.looseObject({ spec: z.looseObject({ replicas: z.int().default(1) }) })

/** Of the model servers, which do the work. */
export async function readReplicas(client: KubeClient): Promise<Replicas> {
  const ref = deploymentOf('model-serving')
  const [deployment, autoscalers] = await Promise.all([
    client.get(ref),
    client.list({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', namespace: ref.namespace }),
  ])
  const now = deploymentSchema.safeParse(deployment).data?.spec.replicas ?? 1
  const most = autoscalers
    .map(each => autoscalerSchema.safeParse(each).data?.spec)
    .find(spec => spec?.scaleTargetRef.name === ref.name)?.maxReplicas
  return { now, most: most ?? now }
}

/** Requests a second by the header `ratelimit-policy` (`"requests";q=200;w=2`). */
export function limitIn(header: unknown): number | undefined {
  const [, quota, window] = /q=(\d+);w=(\d+)/.exec(String(header ?? '')) ?? []
  return quota === undefined || window === undefined ? undefined : Number(quota) / Number(window)
}
