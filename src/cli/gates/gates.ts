import type { Cloud } from '../../clouds/cloud.ts'
import type { Gate } from '../../engine/gates.ts'
import type { Context, Phase } from '../../phases/phase.ts'
import { budgetGate } from './budget.ts'
import { askCredentials } from './credentials.ts'
import { productionGate } from './production.ts'
import { askQuotas } from './quota.ts'

export interface RunToGate {
  readonly clouds: Iterable<Cloud>
  /** What the run applies or takes back. */
  readonly phases: readonly Phase[]
  /** A teardown takes no room and costs nothing. */
  readonly builds: boolean
}

/** What has to hold before a run asks or changes anything. */
export function gatesOf({ clouds, phases, builds }: RunToGate): readonly Gate<Context>[] {
  const minutes = expectedMinutes(phases)
  const credentials = [...clouds].map(
    (cloud): Gate<Context> => ({
      id: 'credentials',
      cloud: cloud.name,
      ask: ({ config, signal }) => askCredentials(cloud, config, minutes, signal),
    }),
  )
  return [productionGate, ...credentials, ...(builds ? [budgetGate] : [])]
}

/** Asked when something is to be made: a run that finds all in place needs no room, and quotas take long to count. */
export function roomGatesOf({ clouds, phases }: Omit<RunToGate, 'builds'>): readonly Gate<Context>[] {
  if (!phases.some(({ quotaNeeds }) => quotaNeeds !== undefined)) return []
  return [...clouds].map(cloud => ({
    id: 'quota',
    cloud: cloud.name,
    ask: ({ config, signal }) => askQuotas(cloud, config, phases, signal),
  }))
}

/** What all of the phases may take, one after another. */
export function expectedMinutes(phases: readonly Phase[]): number {
  return phases.reduce((sum, phase) => sum + phase.expectedMinutes, 0)
}
