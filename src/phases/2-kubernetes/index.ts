import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Phase } from '../phase.ts'
import { clusterChecks } from './checks.ts'
import { contextStep } from './context-step.ts'
import { declarations } from './declarations.ts'
import { objectStep } from './object-step.ts'
import { renderDeclarations } from './render.ts'

/** Guide, phase 2: contexts, namespaces, identities, configuration and storage in each cluster. */
export const kubernetesPhase: Phase = {
  number: 2,
  name: 'kubernetes',
  title: 'Kubernetes configuration',
  expectedMinutes: 5,
  steps: config =>
    configuredClouds(config).flatMap(cloud => [
      contextStep(cloud),
      ...declarations.map(declaration => objectStep(cloud, declaration)),
    ]),
  render: async context =>
    (
      await Promise.all(
        configuredClouds(context.config).map(cloud => renderDeclarations(context, cloud, declarations)),
      )
    ).flat(),
  checks: (config, clouds) => [...clouds.values()].flatMap(cloud => clusterChecks(config, cloud)),
}
