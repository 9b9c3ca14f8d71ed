import { configuredClouds } from '../../config/configured-clouds.ts'
import { objectStep } from '../2-kubernetes/object-step.ts'
import type { Phase } from '../phase.ts'
import { monitoringChecks } from './checks.ts'
import { declarations } from './declarations.ts'
import { fleetChecks } from './fleet-check.ts'
import { renderMonitoring } from './render.ts'
import { secretsStep } from './secrets-step.ts'
import { stackStep } from './stack-step.ts'
import { telemetry } from './telemetry.ts'
import { telemetryChecks } from './telemetry-checks.ts'

/** Guide, phase 5: Prometheus, Alertmanager and Grafana in each cluster, and what they are to look at. */
export const monitoringPhase: Phase = {
  number: 5,
  name: 'monitoring',
  title: 'Monitoring and observability',
  expectedMinutes: 10,
  tools: ['helm'],
  steps: config =>
    configuredClouds(config).flatMap(cloud => [
      secretsStep(cloud),
      stackStep(cloud),
      ...[...declarations, ...telemetry].map(declaration => objectStep(cloud, declaration)),
    ]),
  render: async context =>
    (
      await Promise.all(configuredClouds(context.config).map(cloud => renderMonitoring(context, cloud)))
    ).flat(),
  checks: (config, clouds) =>
    [...clouds.values()].flatMap(cloud => [
      ...monitoringChecks(cloud),
      ...telemetryChecks(config, cloud),
      ...fleetChecks(config, cloud),
    ]),
}
