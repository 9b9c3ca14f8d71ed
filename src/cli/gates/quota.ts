import type { Cloud, Quota } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { GateAnswer } from '../../engine/gates.ts'
import type { Phase } from '../../phases/phase.ts'
import { judgeQuotas, readQuotas } from '../quotas.ts'

/** Room in the account for what the phases make. What cannot be read is a warning, never a refusal. */
export async function askQuotas(
  cloud: Cloud,
  config: Config,
  phases: readonly Phase[],
  signal: AbortSignal,
): Promise<GateAnswer> {
  const read = await readQuotas(cloud, phases, config, signal)
  if (read.state === 'unread') return { outcome: 'warned', detail: `quotas could not be read: ${read.why}` }
  const { lacking, tight } = judgeQuotas(read.quotas)
  if (lacking.length > 0) {
    return {
      outcome: 'refused',
      detail: lacking.map(quota => shortOf(quota, quota.needed)).join('; '),
      remedy: [
        ...new Set(lacking.map(({ remedy }) => remedy)),
        'Or choose smaller or fewer nodes, or another region, in mlp.yaml.',
      ],
    }
  }
  if (tight.length > 0) {
    const parts = tight.map(quota => shortOf(quota, quota.wanted))
    return { outcome: 'warned', detail: `enough to start, not for every node: ${parts.join('; ')}` }
  }
  return {
    outcome: 'passed',
    detail: `room under ${read.quotas.length} quotas: ${read.quotas.map(({ name }) => name).join(', ')}`,
  }
}

function shortOf({ name, used, limit }: Quota, amount: number): string {
  return `${name}: ${amount} wanted, ${limit} allowed${used > 0 ? `, ${used} in use` : ''}`
}
