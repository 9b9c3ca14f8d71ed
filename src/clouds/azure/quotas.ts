import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { Quota, QuotaNeed } from '../cloud.ts'
import { type QuotaTake, sumTakes } from '../quota-takes.ts'
import type { AzurePlatform } from './platform.ts'

const versions = {
  compute: '2024-07-01',
  skus: '2021-07-01',
  network: '2024-05-01',
  clusters: '2025-05-01',
} as const

const usage = z.object({
  name: z.object({ value: z.string(), localizedValue: z.string().optional() }),
  currentValue: z.number(),
  limit: z.number(),
})
const sku = z.object({
  name: z.string().optional(),
  resourceType: z.string(),
  family: z.string().optional(),
  capabilities: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
})
const exists = z.object({ id: z.string() })
const cluster = z.object({
  properties: z.object({
    agentPoolProfiles: z
      .array(
        z.object({
          vmSize: z.string(),
          count: z.number().default(0),
          scaleSetPriority: z.string().optional(),
        }),
      )
      .default([]),
  }),
})

type Pool = Extract<QuotaNeed, { kind: 'nodes' }>

/** Room for one more network, and for the nodes' vCPUs: https://learn.microsoft.com/azure/virtual-machines/quotas */
export async function quotas(
  platform: AzurePlatform,
  needs: readonly QuotaNeed[],
  signal: AbortSignal,
): Promise<readonly Quota[]> {
  const pools = needs.filter(need => need.kind === 'nodes')
  const [network, nodes] = await Promise.all([
    needs.some(({ kind }) => kind === 'network') ? networkTakes(platform, signal) : [],
    pools.length > 0 ? nodeTakes(platform, pools, signal) : [],
  ])
  const [ofNetwork, ofNodes] = await Promise.all([
    network.length > 0 ? usages(platform, 'Microsoft.Network', versions.network, signal) : [],
    nodes.length > 0 ? usages(platform, 'Microsoft.Compute', versions.compute, signal) : [],
  ])
  return [...quotasOf(network, ofNetwork), ...quotasOf(nodes, ofNodes)]
}

function quotasOf(takes: readonly QuotaTake[], found: readonly z.output<typeof usage>[]): readonly Quota[] {
  return sumTakes(takes).flatMap(({ limit, least, most, ours }) => {
    const row = found.find(({ name }) => squeezed(name.value) === squeezed(limit))
    if (row === undefined) return []
    return {
      name: row.name.localizedValue ?? row.name.value,
      needed: least,
      wanted: most,
      used: Math.max(row.currentValue - ours, 0),
      limit: row.limit,
      remedy: 'Ask for more: https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade',
    }
  })
}

/** The lists of sizes and of usages spell families differently: standardNCASv3_T4Family, Standard NCASv3_T4 Family. */
function squeezed(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

async function usages(
  { arm, subscriptionId, location }: AzurePlatform,
  provider: string,
  apiVersion: string,
  signal: AbortSignal,
) {
  const path = `/subscriptions/${subscriptionId}/providers/${provider}/locations/${location}/usages`
  return (await arm()).list(path, apiVersion, usage, signal)
}

async function networkTakes(
  { arm, resourceGroupId, names }: AzurePlatform,
  signal: AbortSignal,
): Promise<readonly QuotaTake[]> {
  const client = await arm()
  const things = {
    VirtualNetworks: `virtualNetworks/${names.virtualNetwork}`,
    NatGateways: `natGateways/${names.natGateway}`,
    IPv4StandardSkuPublicIpAddresses: `publicIPAddresses/${names.natPublicIp}`,
  }
  return Promise.all(
    Object.entries(things).map(async ([limit, name]) => {
      const path = `${resourceGroupId}/providers/Microsoft.Network/${name}`
      const found = await client.get(path, versions.network, exists, signal)
      return { limit, least: 1, most: 1, ours: found === undefined ? 0 : 1 }
    }),
  )
}

async function nodeTakes(
  platform: AzurePlatform,
  pools: readonly Pool[],
  signal: AbortSignal,
): Promise<readonly QuotaTake[]> {
  const [sizes, running] = await Promise.all([sizesOf(platform, signal), ourPools(platform, signal)])
  const parts = pools.flatMap(pool => (pool.pool === 'general' ? withSystemPool(platform, pool) : [pool]))
  return parts.flatMap(({ type, spot, min, max }) => {
    const size = sizes.get(type.toLowerCase())
    if (size === undefined) throw noSuchSize(platform, type)
    const ours = running
      .filter(pool => pool.vmSize.toLowerCase() === type.toLowerCase() && isSpot(pool) === spot)
      .reduce((sum, { count }) => sum + count, 0)
    const take = { least: min * size.cpus, most: max * size.cpus, ours: ours * size.cpus }
    return spot
      ? [{ limit: 'lowPriorityCores', ...take }]
      : [
          { limit: 'cores', ...take },
          { limit: size.family, ...take },
        ]
  })
}

function noSuchSize({ location }: AzurePlatform, type: string): MlpError {
  return new MlpError({
    code: 'MLP3012',
    summary: `Azure has no machine size ${type} in ${location} for this subscription`,
    remedy: [`az vm list-skus --location ${location} --output table`, 'Choose another in mlp.yaml.'],
  })
}

function isSpot({ scaleSetPriority }: { readonly scaleSetPriority?: string | undefined }): boolean {
  return scaleSetPriority === 'Spot'
}

/** With spot nodes a few regular ones stay: `regular_nodes` in templates/terraform/azure/cluster/locals.tf. */
function withSystemPool({ options }: AzurePlatform, pool: Pool): readonly Pool[] {
  if (!pool.spot) return [pool]
  const regular = Math.min(pool.min, options.config.environment === 'prod' ? 3 : 1)
  return [
    { ...pool, spot: false, min: regular, max: regular },
    { ...pool, min: pool.min - regular, max: pool.max - regular },
  ]
}

async function sizesOf({ arm, subscriptionId, location }: AzurePlatform, signal: AbortSignal) {
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Compute/skus`
  const query = { $filter: `location eq '${location}'` }
  const found = await (await arm()).list(path, versions.skus, sku, signal, query)
  return new Map(
    found
      .filter(({ resourceType }) => resourceType === 'virtualMachines')
      .map(({ name = '', family = '', capabilities }) => {
        const cpus = Number(capabilities.find(each => each.name === 'vCPUs')?.value ?? 0)
        return [name.toLowerCase(), { family, cpus }] as const
      }),
  )
}

async function ourPools({ arm, resourceGroupId, names }: AzurePlatform, signal: AbortSignal) {
  const path = `${resourceGroupId}/providers/Microsoft.ContainerService/managedClusters/${names.cluster}`
  const found = await (await arm()).get(path, versions.clusters, cluster, signal)
  return found?.properties.agentPoolProfiles ?? []
}
