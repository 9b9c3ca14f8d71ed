import type { CloudName, QuotaNeed } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'

/** One network and the cluster's nodes; how many gateways, addresses and disks go with them, each adapter knows. */
export function quotaNeeds(config: Config, cloud: CloudName): readonly QuotaNeed[] {
  const settings = config.clouds[cloud]
  if (settings === undefined) return []
  const { nodes, gpuNodes } = settings
  return [
    { kind: 'network' },
    { kind: 'nodes', pool: 'general', ...nodes },
    ...(gpuNodes === undefined ? [] : [{ kind: 'nodes' as const, pool: 'gpu' as const, ...gpuNodes }]),
  ]
}
