import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { Phase, PlatformStep } from '../phase.ts'
import { openBench } from './bench.ts'
import { chaosStep } from './chaos-step.ts'
import { validationChecks } from './checks.ts'
import { failoverStep } from './failover-step.ts'
import { ingressTests } from './ingress-tests.ts'
import { loadStep } from './load/load-step.ts'
import { metricsTests } from './metrics-tests.ts'
import { whatIsTested } from './needs.ts'
import { registryTests } from './registry-tests.ts'
import { runTests } from './run-tests.ts'
import { stateTests } from './state-tests.ts'
import { storeTests } from './store-tests.ts'
import { syncStep } from './sync-step.ts'
import { twinTests } from './twin-tests.ts'
import { unitsStep } from './units-step.ts'
import { validationStep } from './validation-step.ts'

/** Guide, phase 7: what was deployed is asked whether it does what it is for. */
export const validationPhase: Phase = {
  number: 7,
  name: 'validation',
  title: 'Testing and validation',
  expectedMinutes: 10,
  tools: ['k6'],
  steps: config => {
    const clouds = configuredClouds(config)
    return [
      unitsStep(config),
      ...clouds.flatMap(cloud => [integrationStep(config, cloud), loadStep(config, cloud)]),
      syncStep(config),
      failoverStep(config),
      ...clouds.map(cloud => chaosStep(config, cloud)),
    ]
  },
  render: async () => [],
  checks: (_config, clouds) => validationChecks([...clouds.keys()]),
}

function integrationStep(config: Config, cloud: CloudName): PlatformStep {
  const tests = [
    ...ingressTests,
    ...stateTests,
    ...storeTests,
    ...twinTests,
    ...registryTests,
    ...metricsTests,
  ]
  return validationStep({
    name: 'integration',
    cloud,
    title: 'The services with what they stand on, and with each other',
    needs: whatIsTested(config, cloud),
    clouds: () => [cloud],
    async run(context, clients, where, progress) {
      const bench = await openBench(context, clients.get(cloud), cloud, message => progress.report(message))
      return await runTests(context, where, tests, bench)
    },
  })
}
