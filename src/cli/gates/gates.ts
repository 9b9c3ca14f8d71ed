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
}

/** What has to hold before a run asks or changes anything. */
export function gatesOf({ clouds, phases }: RunToGate): readonly Gate<Context>[] {
  const minutes = expectedMinutes(phases)
  const credentials = [...clouds].map(
    (cloud): Gate<Context> => ({
      id: 'credentials',
      cloud: cloud.name,
      ask: ({ config, signal }) => askCredentials(cloud, config, minutes, signal),
    }),
  )
  return [productionGate, ...credentials, ...phases.flatMap(({ gates }) => gates ?? [])]
}

/**
 * Asked when something is to be made: a run that finds all in place needs no room and costs what it did, and quotas and
 * prices take long to read. `isFirst`: nothing of the platform is there yet.
 */
export function roomGatesOf({ clouds, phases }: RunToGate, isFirst: boolean): readonly Gate<Context>[] {
  const all = [...clouds]
  const quotas = phases.some(({ quotaNeeds }) => quotaNeeds !== undefined)
    ? all.map(
        (cloud): Gate<Context> => ({
          id: 'quota',
          cloud: cloud.name,
          ask: ({ config, signal }) => askQuotas(cloud, config, phases, signal),
        }),
      )
    : []
  return phases.some(({ isBilled }) => isBilled === true) ? [...quotas, budgetGate(all, isFirst)] : quotas
}

/** What all of the phases may take, one after another. */
export function expectedMinutes(phases: readonly Phase[]): number {
  return phases.reduce((sum, phase) => sum + phase.expectedMinutes, 0)
}
