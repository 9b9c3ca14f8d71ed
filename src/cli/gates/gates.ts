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

/** What has to hold before a run changes anything. */
export function gatesOf({ clouds, phases, builds }: RunToGate): readonly Gate<Context>[] {
  const minutes = expectedMinutes(phases)
  const takesRoom = builds && phases.some(({ quotaNeeds }) => quotaNeeds !== undefined)
  const ofClouds = [...clouds].flatMap(cloud => {
    const credentials: Gate<Context> = {
      id: 'credentials',
      cloud: cloud.name,
      ask: ({ config, signal }) => askCredentials(cloud, config, minutes, signal),
    }
    const quota: Gate<Context> = {
      id: 'quota',
      cloud: cloud.name,
      ask: ({ config, signal }) => askQuotas(cloud, config, phases, signal),
    }
    return takesRoom ? [credentials, quota] : [credentials]
  })
  return [productionGate, ...ofClouds, ...(builds ? [budgetGate] : [])]
}

/** What all of the phases may take, one after another. */
export function expectedMinutes(phases: readonly Phase[]): number {
  return phases.reduce((sum, phase) => sum + phase.expectedMinutes, 0)
}
