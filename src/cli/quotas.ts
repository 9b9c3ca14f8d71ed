import type { Cloud, Quota } from '../clouds/cloud.ts'
import type { Config } from '../config/schema.ts'
import { MlpError } from '../engine/errors.ts'
import type { Phase } from '../phases/phase.ts'

/** Three clouds are asked side by side, some of them a dozen questions. */
const timeoutMs = 30_000

type ReadQuotas =
  | { readonly state: 'read'; readonly quotas: readonly Quota[] }
  | { readonly state: 'unread'; readonly why: string }

/** What the phases need of a cloud's quotas, or why that is not known. Rejects for an interrupt and for a bug only. */
export async function readQuotas(
  cloud: Cloud,
  phases: readonly Phase[],
  config: Config,
  signal: AbortSignal,
): Promise<ReadQuotas> {
  const needs = phases.flatMap(phase => phase.quotaNeeds?.(config, cloud.name) ?? [])
  if (needs.length === 0) return { state: 'read', quotas: [] }
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    return { state: 'read', quotas: await cloud.quotas(needs, AbortSignal.any([signal, deadline])) }
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted) return { state: 'unread', why: `no answer within ${timeoutMs / 1000} s` }
    if (error instanceof MlpError) {
      return { state: 'unread', why: [error.message, error.detail].filter(Boolean).join(': ') }
    }
    throw error
  }
}

/** `lacking`: the platform would not come up. `tight`: it would, but could not grow to every node it may have. */
export function judgeQuotas<Q extends Quota>(quotas: readonly Q[]) {
  const lacks = ({ used, limit }: Quota, amount: number) => used + amount > limit
  const lacking = quotas.filter(quota => lacks(quota, quota.needed))
  return { lacking, tight: quotas.filter(quota => !lacking.includes(quota) && lacks(quota, quota.wanted)) }
}
