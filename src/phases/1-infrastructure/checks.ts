import type { Cloud } from '../../clouds/cloud.ts'
import type { PlatformCheck } from '../phase.ts'

/** Guide, phase 1, step 6, asked of the clouds themselves. */
export function infrastructureChecks(cloud: Cloud): readonly PlatformCheck[] {
  return cloud.infrastructureChecks().map(check => ({
    id: `1.${cloud.name}.${check.name}`,
    phase: 1,
    cloud: cloud.name,
    title: check.title,
    why: check.why,
    run: context => check.run(context.signal),
  }))
}
