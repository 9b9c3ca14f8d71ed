import { configuredClouds } from '../../config/configured-clouds.ts'
import { objectStep } from '../2-kubernetes/object-step.ts'
import { renderDeclarations } from '../2-kubernetes/render.ts'
import type { Phase } from '../phase.ts'
import { readinessChecks } from './checks.ts'
import { declarations } from './declarations.ts'
import { podSecurityStep } from './pod-security-step.ts'

/** Guide, phase 8: what a platform needs before it may be relied on. */
export const readinessPhase: Phase = {
  number: 8,
  name: 'readiness',
  title: 'Production readiness',
  expectedMinutes: 3,
  steps: config =>
    configuredClouds(config).flatMap(cloud => [
      ...declarations.map(declaration => objectStep(cloud, declaration)),
      podSecurityStep(cloud),
    ]),
  render: async context =>
    (
      await Promise.all(
        configuredClouds(context.config).map(cloud => renderDeclarations(context, cloud, declarations)),
      )
    ).flat(),
  checks: (_config, clouds) => [...clouds.values()].flatMap(readinessChecks),
}
