import { infrastructurePhase } from './1-infrastructure/index.ts'
import { kubernetesPhase } from './2-kubernetes/index.ts'
import { applicationsPhase } from './3-applications/index.ts'
import { meshPhase } from './4-mesh/index.ts'
import { monitoringPhase } from './5-monitoring/index.ts'
import { deliveryPhase } from './6-delivery/index.ts'
import { validationPhase } from './7-validation/index.ts'
import { readinessPhase } from './8-readiness/index.ts'
import type { Phase } from './phase.ts'

/** In the guide's order. */
export const phases: readonly Phase[] = [
  infrastructurePhase,
  kubernetesPhase,
  applicationsPhase,
  meshPhase,
  monitoringPhase,
  deliveryPhase,
  validationPhase,
  readinessPhase,
]
