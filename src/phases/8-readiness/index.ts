import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds, homeCloud } from '../../config/configured-clouds.ts'
import type { StepId } from '../../engine/step.ts'
import { objectStep } from '../2-kubernetes/object-step.ts'
import { renderDeclarations } from '../2-kubernetes/render.ts'
import type { Phase } from '../phase.ts'
import { auditLogCheck } from './audit-log-check.ts'
import { backupChecks } from './backup-checks.ts'
import { clusterBackupStep } from './backup-step.ts'
import { readinessChecks } from './checks.ts'
import { declarations } from './declarations.ts'
import { documentationCheck } from './docs-record.ts'
import { podSecurityStep } from './pod-security-step.ts'

/** Guide, phase 8: what a platform needs before it may be relied on. */
export const readinessPhase: Phase = {
  number: 8,
  name: 'readiness',
  title: 'Production readiness',
  expectedMinutes: 3,
  steps: config =>
    configuredClouds(config).flatMap(cloud => {
      const objects = [
        ...declarations.map(declaration => objectStep(cloud, declaration)),
        podSecurityStep(cloud),
      ]
      return [...objects, clusterBackupStep(cloud, [...deployed(cloud), ...objects.map(({ id }) => id)])]
    }),
  render: async context =>
    (
      await Promise.all(
        configuredClouds(context.config).map(cloud => renderDeclarations(context, cloud, declarations)),
      )
    ).flat(),
  checks: (config, clouds) => [
    ...[...clouds.values()].flatMap(cloud => [
      ...readinessChecks(cloud),
      auditLogCheck(cloud),
      ...backupChecks(cloud),
    ]),
    // Kept in that cloud's cluster: a look at others alone says nothing of it.
    ...(clouds.has(homeCloud(config)) ? [documentationCheck] : []),
  ],
}

/** What else makes objects in the platform's namespaces, or takes some away for a while. */
const deployed = (cloud: CloudName): readonly StepId[] => [
  `3.${cloud}.api-gateway`,
  `3.${cloud}.model-serving`,
  `3.${cloud}.data-sync`,
  `7.${cloud}.integration`,
  `7.${cloud}.chaos`,
  '7.all.failover',
]
