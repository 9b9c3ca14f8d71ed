import { quotaLimit } from '../../../quotas.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, requiredText, text } from '../attributes.ts'
import { startingNodes } from '../resources/node-groups.ts'
import { machineSize } from '../resources/virtual-machine-sizes.ts'

/*
 * Defaults: https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 * (1000 virtual networks, addresses and NAT gateways a region). 20 vCPUs a region and a family are the documented
 * start of a pay-as-you-go subscription; who runs clusters has asked for more, as the sandbox's owner has.
 */
const networkLimits = [
  { name: 'VirtualNetworks', shown: 'Virtual Networks', type: 'azurerm_virtual_network', limit: 1000 },
  { name: 'NatGateways', shown: 'NAT Gateways', type: 'azurerm_nat_gateway', limit: 1000 },
  {
    name: 'IPv4StandardSkuPublicIpAddresses',
    shown: 'Public IPv4 Addresses - Standard',
    type: 'azurerm_public_ip',
    limit: 1000,
  },
]
const grantedCores = { regional: 512, lowPriority: 128, family: 256 }

/** What `<provider>/locations/<location>/usages` and `Microsoft.Compute/skus` list; undefined for any other path. */
export function usages(rest: string, query: URLSearchParams, world: World): readonly object[] | undefined {
  if (/^\/providers\/Microsoft\.Compute\/skus$/i.test(rest)) {
    const location = /location eq '([^']+)'/.exec(query.get('$filter') ?? '')?.[1] ?? 'eastus'
    return sizeNames.map(name => sku(name, location))
  }
  const [, provider, location = ''] = /^\/providers\/([^/]+)\/locations\/([^/]+)\/usages$/i.exec(rest) ?? []
  switch (provider?.toLowerCase()) {
    case 'microsoft.network':
      return networkLimits.map(({ name, shown, type, limit }) => {
        const inLocation = world.store
          .list(type)
          .filter(({ attributes }) => attributes['location'] === location)
        return usage(world, { name, shown, current: inLocation.length, limit })
      })
    case 'microsoft.compute':
      return computeUsages(world, location)
    default:
      return undefined
  }
}

function computeUsages(world: World, location: string): readonly object[] {
  const pools = poolsIn(world, location).map(pool => {
    const size = requiredText(pool, 'vm_size')
    const cores = startingNodes(pool) * (machineSize(size)?.cpus ?? 0)
    return { cores, spot: text(pool, 'priority') === 'Spot', family: familyOf(size) }
  })
  const coresOf = (fits: (pool: (typeof pools)[number]) => boolean) =>
    pools.filter(fits).reduce((sum, { cores }) => sum + cores, 0)
  const families = [...new Set(sizeNames.map(familyOf))]
  return [
    {
      name: 'cores',
      shown: 'Total Regional vCPUs',
      current: coresOf(({ spot }) => !spot),
      limit: grantedCores.regional,
    },
    {
      name: 'lowPriorityCores',
      shown: 'Total Regional Low-priority vCPUs',
      current: coresOf(({ spot }) => spot),
      limit: grantedCores.lowPriority,
    },
    ...families.map(name => ({
      name,
      shown: name.replace(/^standard(.+)Family$/, 'Standard $1 Family vCPUs'),
      current: coresOf(({ spot, family }) => !spot && family === name),
      limit: grantedCores.family,
    })),
  ].map(row => usage(world, row))
}

interface Usage {
  readonly name: string
  readonly shown: string
  readonly current: number
  readonly limit: number
}

function usage(world: World, { name, shown, current, limit }: Usage): object {
  return {
    name: { value: name, localizedValue: shown },
    currentValue: current,
    limit: quotaLimit(world.store, `azure/${name}`, limit),
    unit: 'Count',
  }
}

function poolsIn(world: World, location: string): readonly Attributes[] {
  const clusters = world.store
    .list('azurerm_kubernetes_cluster')
    .filter(({ attributes }) => attributes['location'] === location)
  const ids = new Set(clusters.map(({ id }) => id))
  return [
    ...clusters.map(({ attributes }) => block(attributes, 'default_node_pool') ?? {}),
    ...world.store
      .list('azurerm_kubernetes_cluster_node_pool')
      .map(({ attributes }) => attributes)
      .filter(pool => ids.has(requiredText(pool, 'kubernetes_cluster_id'))),
  ]
}

/** Sizes that people choose for clusters. Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview */
const sizeNames: readonly string[] = [
  ...[2, 4, 8, 16, 32, 48, 64, 96].flatMap(cpus =>
    ['D', 'E'].flatMap(family =>
      ['s', 'ds', 'as', 'ads'].flatMap(features =>
        ['v4', 'v5', 'v6'].map(version => `Standard_${family}${cpus}${features}_${version}`),
      ),
    ),
  ),
  ...[2, 4, 8, 16, 32].flatMap(cpus => [
    `Standard_F${cpus}s_v2`,
    `Standard_B${cpus}as_v2`,
    `Standard_B${cpus}s_v2`,
  ]),
  ...['Standard_NC4as_T4_v3', 'Standard_NC8as_T4_v3', 'Standard_NC16as_T4_v3', 'Standard_NC64as_T4_v3'],
  ...['Standard_NC24ads_A100_v4', 'Standard_NC48ads_A100_v4', 'Standard_NC96ads_A100_v4'],
]

function sku(name: string, location: string): object {
  return {
    resourceType: 'virtualMachines',
    name,
    family: familyOf(name),
    locations: [location],
    capabilities: [{ name: 'vCPUs', value: String(machineSize(name)?.cpus ?? 0) }],
    restrictions: [],
  }
}

/** `Standard_D2s_v5` -> standardDSv5Family; `Standard_NC4as_T4_v3` -> standardNCASv3_T4Family. */
function familyOf(size: string): string {
  const [, letters = '', features = '', gpu, version = ''] =
    /^Standard_([A-Z]+)\d+([a-z]*)(?:_([A-Z]+\d+))?(?:_(v\d+))?$/.exec(size) ?? []
  return `standard${letters}${features.toUpperCase()}${version}${gpu === undefined ? '' : `_${gpu}`}Family`
}
