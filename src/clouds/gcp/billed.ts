import type { Config, GcpConfig } from '../../config/schema.ts'
import type { Billed } from '../costs.ts'
import { bootDiskGb } from './quotas.ts'
import { sizes } from './sizes.ts'

/** One SKU of the catalogue: a service by its displayed name, and how the SKU's description begins. */
export interface Sku {
  readonly service: string
  readonly begins: string
  readonly spot?: true
}

/** What one machine of a type has, as Compute Engine says. */
export interface Machine {
  readonly cpus: number
  readonly memoryGib: number
  readonly gpus: readonly { readonly type: string; readonly count: number }[]
}

type Line = Billed<Sku>

const compute = 'Compute Engine'
const networking = 'Networking'
const sql = 'Cloud SQL'
/** The gateway is billed by the machines behind it, up to so many: https://cloud.google.com/nat/pricing */
const mostBehindNat = 32

/**
 * What templates/terraform/gcp makes and Google Cloud bills, with its SKUs. Descriptions as infracost
 * (https://github.com/infracost/infracost/tree/master/internal/resources/google) and
 * https://cloud.google.com/skus have them. `machines` are the types of the pools.
 */
export function billed(
  config: Config,
  settings: GcpConfig,
  machines: ReadonlyMap<string, Machine>,
): readonly Line[] {
  return [...foundation(config, settings), ...cluster(settings, machines)]
}

function foundation(config: Config, { nodes, gpuNodes }: GcpConfig): readonly Line[] {
  const size = sizes[config.environment]
  const root = 'foundation' as const
  const one = { root, instances: 1, amount: '1' }
  const [, cpus = '0', memoryMb = '0'] = /^db-custom-(\d+)-(\d+)$/.exec(size.database_tier) ?? []
  const place = size.database_availability === 'REGIONAL' ? 'Regional' : 'Zonal'
  const twice = place === 'Regional' ? ' in two zones' : ''
  const database = (part: string): Sku => ({
    service: sql,
    begins: `Cloud SQL for PostgreSQL: ${place} - ${part} in `,
  })
  const cacheNodes = size.cache_shards * (1 + size.cache_replicas)
  const behindNat = Math.min(nodes.min + (gpuNodes?.min ?? 0), mostBehindNat)
  const keys = 3
  return [
    {
      ...one,
      address: 'google_compute_router_nat.main',
      what: `NAT gateway for ${behindNat} machines`,
      parts: [
        {
          query: { service: networking, begins: 'Networking Cloud Nat Gateway Uptime' },
          quantity: behindNat,
          most: Math.min(nodes.max + (gpuNodes?.max ?? 0), mostBehindNat),
        },
      ],
    },
    {
      ...one,
      address: 'google_compute_router_nat.main',
      what: 'public address of the NAT gateway',
      parts: [{ query: { service: networking, begins: 'Networking Cloud NAT IP Usage' }, quantity: 1 }],
    },
    {
      ...one,
      address: 'google_sql_database_instance.main',
      what: `database, ${size.database_tier}${twice}`,
      parts: [
        { query: database('vCPU'), quantity: Number(cpus) },
        { query: database('RAM'), quantity: Number(memoryMb) / 1024 },
      ],
    },
    {
      ...one,
      address: 'google_sql_database_instance.main',
      what: `storage of the database${twice}`,
      amount: `${size.database_disk_gb} GiB`,
      parts: [{ query: database('Standard storage'), quantity: size.database_disk_gb }],
    },
    {
      ...one,
      address: 'google_redis_cluster.main',
      what: `cache, ${size.cache_node_type.toLowerCase().replaceAll('_', '-')}`,
      amount: String(cacheNodes),
      parts: [
        {
          query: {
            service: 'Cloud Memorystore for Redis',
            begins: `Redis Cluster Node ${cacheNodeNames[size.cache_node_type]} `,
          },
          quantity: cacheNodes,
        },
      ],
    },
    {
      root,
      address: 'google_kms_crypto_key.main',
      instances: keys,
      what: 'keys, one version each; every 90 days one more',
      amount: String(keys),
      parts: [
        {
          query: {
            service: 'Cloud Key Management Service (KMS)',
            begins: 'Active software symmetric key versions',
          },
          quantity: keys,
        },
      ],
    },
    {
      ...one,
      address: 'google_compute_router_nat.main',
      what: 'data through the NAT gateway',
      byUse: 'GiB',
      parts: [
        { query: { service: networking, begins: 'Networking Cloud Nat Data Processing' }, quantity: 1 },
      ],
    },
    {
      ...one,
      address: 'google_storage_bucket.main',
      what: 'objects in the buckets',
      byUse: 'GiB a month',
      parts: [{ query: { service: 'Cloud Storage', begins: 'Standard Storage ' }, quantity: 1 }],
    },
    {
      ...one,
      address: 'google_artifact_registry_repository.main',
      what: 'images in the registry',
      byUse: 'GiB a month',
      parts: [{ query: { service: 'Artifact Registry', begins: 'Artifact Registry Storage' }, quantity: 1 }],
    },
    {
      ...one,
      address: 'google_compute_subnetwork.nodes',
      what: 'flow logs of the network',
      byUse: 'GiB',
      parts: [{ query: { service: 'Cloud Logging', begins: 'Log Storage cost' }, quantity: 1 }],
    },
  ]
}

/** The catalogue calls highmem-medium, which came first, 'Default'. */
const cacheNodeNames = {
  REDIS_SHARED_CORE_NANO: 'Shared Core Nano',
  REDIS_STANDARD_SMALL: 'Standard Small',
  REDIS_HIGHMEM_MEDIUM: 'Default',
} as const

function cluster({ nodes, gpuNodes }: GcpConfig, machines: ReadonlyMap<string, Machine>): readonly Line[] {
  return [
    {
      root: 'cluster',
      address: 'google_container_cluster.main',
      instances: 1,
      what: 'GKE control plane',
      amount: '1',
      parts: [
        { query: { service: 'Kubernetes Engine', begins: 'Regional Kubernetes Clusters' }, quantity: 1 },
      ],
    },
    ...pool('general', nodes, machines),
    ...(gpuNodes === undefined ? [] : pool('gpu', gpuNodes, machines)),
  ]
}

function pool(
  name: 'general' | 'gpu',
  { type, spot, min, max }: NonNullable<GcpConfig['gpuNodes']>,
  machines: ReadonlyMap<string, Machine>,
): readonly Line[] {
  const line = { root: 'cluster', address: `google_container_node_pool.${name}`, instances: 1 } as const
  const diskGb = bootDiskGb[name]
  return [
    {
      ...line,
      what: `nodes ${name}, ${type}${spot ? ', spot' : ''}`,
      amount: String(min),
      parts: machineParts(type, spot, machines.get(type)).map(({ query, quantity }) => ({
        query,
        quantity: quantity * min,
        most: quantity * max,
      })),
    },
    {
      ...line,
      what: `disks of the nodes ${name}, pd-balanced`,
      amount: `${min * diskGb} GiB`,
      parts: [
        {
          query: { service: compute, begins: 'Balanced PD Capacity' },
          quantity: min * diskGb,
          most: max * diskGb,
        },
      ],
    },
  ]
}

/** Families whose SKUs are not simply named '<FAMILY> Instance'. */
const families: Readonly<Record<string, string>> = {
  c2: 'Compute optimized',
  c2d: 'C2D AMD Instance',
  n1: 'N1 Predefined Instance',
  n2d: 'N2D AMD Instance',
  t2d: 'T2D AMD Instance',
}

/** A machine is billed by its vCPUs, its memory and its GPUs. */
function machineParts(type: string, spot: boolean, machine: Machine | undefined): Line['parts'] {
  const [family = ''] = type.split('-')
  const name = `${spot ? 'Spot Preemptible ' : ''}${families[family] ?? `${family.toUpperCase()} Instance`}`
  const sku = (begins: string): Sku => ({ service: compute, begins, ...(spot ? { spot } : {}) })
  return [
    { query: sku(`${name} Core running in `), quantity: machine?.cpus ?? 1 },
    { query: sku(`${name} Ram running in `), quantity: machine?.memoryGib ?? 1 },
    ...(machine?.gpus ?? []).map(({ type: gpu, count }) => ({
      query: sku(`${gpuName(gpu)} GPU ${spot ? 'attached to Spot Preemptible VMs ' : ''}running in `),
      quantity: count,
    })),
  ]
}

/** `nvidia-tesla-a100` -> `Nvidia Tesla A100`, `nvidia-h100-80gb` -> `Nvidia H100 80GB`. */
function gpuName(type: string): string {
  const words = type.split('-').map(word => (/\d/.test(word) ? word.toUpperCase() : capitalised(word)))
  return words.join(' ')
}

function capitalised(word: string): string {
  return `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`
}

/** Types of the templates that cost nothing by themselves; what is in neither list fails a test. */
export const freeTypes = [
  'google_artifact_registry_repository_iam_member',
  'google_billing_budget',
  'google_compute_firewall',
  'google_compute_global_address',
  'google_compute_network',
  'google_compute_router',
  'google_kms_crypto_key_iam_member',
  'google_kms_key_ring',
  // Its endpoints belong to the cache, in whose price they are.
  'google_network_connectivity_service_connection_policy',
  'google_project_iam_member',
  'google_service_account',
  'google_service_account_iam_member',
  'google_service_networking_connection',
  'google_sql_database',
  'google_sql_user',
  'google_storage_bucket_iam_member',
] as const
