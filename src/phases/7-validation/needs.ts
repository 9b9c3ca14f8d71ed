import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { StepId } from '../../engine/step.ts'
import { applicationsOf } from '../3-applications/applications.ts'

/** Whatever is still being deployed would be tested half, and what comes after is nothing that was validated. */
export function whatIsTested(config: Config, cloud: CloudName): readonly StepId[] {
  return [
    ...applicationsOf(config, cloud).map((name): StepId => `3.${cloud}.${name}`),
    `4.${cloud}.gateway`,
    `4.${cloud}.strict-mtls`,
    `5.${cloud}.monitors`,
  ]
}
