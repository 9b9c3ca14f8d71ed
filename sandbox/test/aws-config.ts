import { rootVariables } from '../../src/clouds/aws/variables.ts'
import { platformId } from '../../src/config/names.ts'
import { type Config, configSchema } from '../../src/config/schema.ts'
import type { JsonObject } from '../../src/engine/json.ts'
import { testSecrets } from './terraform-harness.ts'

/** A platform of one environment on the test account. */
export function awsTestConfig(environment: Config['environment']): Config {
  return configSchema.parse({
    apiVersion: 'mlp.dev/v1',
    project: 'ml-platform',
    environment,
    target: 'sandbox',
    owner: 'tests',
    clouds: {
      aws: {
        accountId: testSecrets.awsAccountId,
        region: 'us-east-1',
        nodes: { min: 2, max: 5, type: 'm6i.large', spot: environment === 'dev' },
        ...(environment === 'prod' ? { gpuNodes: { min: 1, max: 2, type: 'g5.xlarge', spot: false } } : {}),
        kubernetesVersion: '1.35',
        network: { cidr: '10.10.0.0/16', pods: '10.11.0.0/16', services: '172.20.0.0/16' },
      },
    },
    database: { engine: 'postgresql' },
    credentials: 'workload-identity',
  })
}

export function foundationVariables(config: Config): JsonObject {
  return rootVariables('foundation', config, platformId(config), undefined)
}

export function clusterVariables(config: Config, foundation: JsonObject): JsonObject {
  return rootVariables('cluster', config, platformId(config), foundation)
}
