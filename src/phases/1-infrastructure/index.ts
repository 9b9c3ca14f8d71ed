import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Phase } from '../phase.ts'
import { applyRootStep } from './apply-root.ts'
import { infrastructureChecks } from './checks.ts'
import { planAhead } from './plan-ahead.ts'
import { prepareStep } from './prepare.ts'
import { quotaNeeds } from './quota-needs.ts'
import { renderRoot } from './render.ts'

/** Guide, phase 1: two terraform roots a cloud, so that data can outlive clusters; the clouds side by side. */
export const infrastructurePhase: Phase = {
  number: 1,
  name: 'infrastructure',
  title: 'Infrastructure',
  // A managed Redis of Azure alone may take half of it; teardown takes about as long.
  expectedMinutes: 50,
  quotaNeeds,
  isBilled: true,
  steps: config =>
    configuredClouds(config).flatMap(cloud => {
      const ahead = planAhead(cloud)
      return [
        prepareStep(cloud, ahead),
        applyRootStep(cloud, 'foundation', ahead),
        applyRootStep(cloud, 'cluster', ahead),
      ]
    }),
  render: async context =>
    configuredClouds(context.config).flatMap(cloud => [
      renderRoot(context, cloud, 'foundation'),
      renderRoot(context, cloud, 'cluster'),
    ]),
  checks: (_config, clouds) => [...clouds.values()].flatMap(infrastructureChecks),
}
