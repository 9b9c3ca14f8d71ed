import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { Quota, QuotaNeed } from '../cloud.ts'
import { type QuotaTake, sumTakes } from '../quota-takes.ts'
import type { GcpPlatform } from './platform.ts'

/** Boot disk of one node in GB, pd-balanced: templates/terraform/gcp/cluster/nodes.tf. */
export const bootDiskGb = { general: 100, gpu: 200 } as const

const limits = z.object({
  quotas: z
    .array(z.object({ metric: z.string(), limit: z.number(), usage: z.number().default(0) }))
    .default([]),
})
const regionAnswer = limits.extend({ zones: z.array(z.string()).default([]) })
const machineType = z.object({
  guestCpus: z.number(),
  memoryMb: z.number().default(0),
  accelerators: z
    .array(z.object({ guestAcceleratorType: z.string(), guestAcceleratorCount: z.number() }))
    .default([]),
})
const instances = z.object({
  machineType: z.string(),
  scheduling: z.object({ provisioningModel: z.string().optional() }).optional(),
})
const instancePage = z.object({
  items: z.record(z.string(), z.object({ instances: z.array(instances).default([]) })).default({}),
  nextPageToken: z.string().optional(),
})

type Pool = Extract<QuotaNeed, { kind: 'nodes' }>
type Limits = ReadonlyMap<string, { readonly limit: number; readonly usage: number; readonly where: string }>

/** Room for one more network, and for the nodes' CPUs, disks and GPUs: https://cloud.google.com/compute/resource-usage */
export async function quotas(
  platform: GcpPlatform,
  needs: readonly QuotaNeed[],
  signal: AbortSignal,
): Promise<readonly Quota[]> {
  const { rest, project, region } = platform
  const base = `/compute/v1/projects/${project}`
  const [ofProject, ofRegion] = await Promise.all([
    rest.call({ service: 'compute', path: base, answer: limits }, signal),
    rest.call({ service: 'compute', path: `${base}/regions/${region}`, answer: regionAnswer }, signal),
  ])
  const known: Limits = new Map([
    ...ofProject.quotas.map(({ metric, ...quota }) => [metric, { ...quota, where: 'all regions' }] as const),
    ...ofRegion.quotas.map(({ metric, ...quota }) => [metric, { ...quota, where: region }] as const),
  ])
  const pools = needs.filter(need => need.kind === 'nodes')
  const takes = [
    ...(needs.some(({ kind }) => kind === 'network') ? await networkTakes(platform, signal) : []),
    ...(pools.length > 0 ? await nodeTakes(platform, pools, known, ofRegion.zones, signal) : []),
  ]
  return sumTakes(takes).flatMap(({ limit: metric, least, most, ours }) => {
    const found = known.get(metric)
    // A limit of -1 is none.
    if (found === undefined || found.limit < 0) return []
    return {
      name: `${metric} (${found.where})`,
      needed: least,
      wanted: most,
      used: Math.max(found.usage - ours, 0),
      limit: found.limit,
      remedy: `Ask for more: https://console.cloud.google.com/iam-admin/quotas?project=${project}`,
    }
  })
}

async function networkTakes(
  { rest, project, names }: GcpPlatform,
  signal: AbortSignal,
): Promise<readonly QuotaTake[]> {
  const path = `/compute/v1/projects/${project}/global/networks/${names.network}`
  const found = await rest.find({ service: 'compute', path, answer: z.object({}) }, signal)
  const ours = found === undefined ? 0 : 1
  return ['NETWORKS', 'ROUTERS'].map(limit => ({ limit, least: 1, most: 1, ours }))
}

async function nodeTakes(
  platform: GcpPlatform,
  pools: readonly Pool[],
  known: Limits,
  zones: readonly string[],
  signal: AbortSignal,
): Promise<readonly QuotaTake[]> {
  const [running, ...machines] = await Promise.all([
    ourInstances(platform, signal),
    ...pools.map(({ type }) => machineOf(platform, type, zones, signal)),
  ])
  return pools.flatMap((pool, index) => {
    const ours = running.filter(
      ({ machineType: type, scheduling }) =>
        type.endsWith(`/${pool.type}`) && (scheduling?.provisioningModel === 'SPOT') === pool.spot,
    ).length
    return amountsOf(pool, machines[index], known).map(({ limit, amount }) => ({
      limit,
      least: pool.min * amount,
      most: pool.max * amount,
      ours: ours * amount,
    }))
  })
}

/** What one node of the pool takes. */
function amountsOf(pool: Pool, machine: z.output<typeof machineType> | undefined, known: Limits) {
  const cpus = machine?.guestCpus ?? 0
  const family = `${pool.type.split('-')[0]?.toUpperCase()}_CPUS`
  // Spot machines count apart only in projects that were given a limit of their own for them.
  const apart = pool.spot && (known.get('PREEMPTIBLE_CPUS')?.limit ?? 0) > 0
  return [
    { limit: apart ? 'PREEMPTIBLE_CPUS' : known.has(family) ? family : 'CPUS', amount: cpus },
    { limit: 'CPUS_ALL_REGIONS', amount: cpus },
    { limit: 'SSD_TOTAL_GB', amount: bootDiskGb[pool.pool] },
    ...(machine?.accelerators ?? []).flatMap(({ guestAcceleratorType, guestAcceleratorCount: amount }) => {
      const gpus = `${guestAcceleratorType.toUpperCase().replaceAll('-', '_').replace('TESLA_', '')}_GPUS`
      return [
        { limit: pool.spot ? `PREEMPTIBLE_${gpus}` : gpus, amount },
        { limit: 'GPUS_ALL_REGIONS', amount },
      ]
    }),
  ]
}

/** Links of the region's zones. */
export async function zonesOf(
  { rest, project, region }: GcpPlatform,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const path = `/compute/v1/projects/${project}/regions/${region}`
  return (await rest.call({ service: 'compute', path, answer: regionAnswer }, signal)).zones
}

/** A machine type, from the first of the region's zones that has it. */
export async function machineOf(
  { rest, project, region }: GcpPlatform,
  type: string,
  zones: readonly string[],
  signal: AbortSignal,
): Promise<z.output<typeof machineType>> {
  for (const zone of zones.map(link => link.slice(link.lastIndexOf('/') + 1))) {
    const path = `/compute/v1/projects/${project}/zones/${zone}/machineTypes/${type}`
    const found = await rest.find({ service: 'compute', path, answer: machineType }, signal)
    if (found !== undefined) return found
  }
  throw new MlpError({
    code: 'MLP3012',
    summary: `Google Cloud has no machine type ${type} in ${region}`,
    remedy: [`gcloud compute machine-types list --filter="zone~${region}"`, 'Choose another in mlp.yaml.'],
  })
}

/** The nodes of our cluster, which GKE labels. */
async function ourInstances({ rest, project, names }: GcpPlatform, signal: AbortSignal) {
  const path = `/compute/v1/projects/${project}/aggregated/instances`
  const filter = `labels.goog-k8s-cluster-name=${names.cluster}`
  const found: z.output<typeof instances>[] = []
  let pageToken: string | undefined
  do {
    const query = { filter, ...(pageToken === undefined ? {} : { pageToken }) }
    const page = await rest.call({ service: 'compute', path, query, answer: instancePage }, signal)
    found.push(...Object.values(page.items).flatMap(scope => scope.instances))
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
  return found
}
