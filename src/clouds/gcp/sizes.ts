import type { EnvironmentName } from '../../config/schema.ts'

/** Of templates/terraform/gcp/foundation/locals.tf, what costs by the hour; a test holds the two together. */
export const sizes = {
  dev: {
    database_tier: 'db-custom-1-3840',
    database_disk_gb: 20,
    database_availability: 'ZONAL',
    cache_node_type: 'REDIS_SHARED_CORE_NANO',
    cache_shards: 1,
    cache_replicas: 0,
  },
  staging: {
    database_tier: 'db-custom-2-7680',
    database_disk_gb: 50,
    database_availability: 'ZONAL',
    cache_node_type: 'REDIS_STANDARD_SMALL',
    cache_shards: 1,
    cache_replicas: 1,
  },
  prod: {
    database_tier: 'db-custom-4-15360',
    database_disk_gb: 100,
    database_availability: 'REGIONAL',
    cache_node_type: 'REDIS_HIGHMEM_MEDIUM',
    cache_shards: 3,
    cache_replicas: 1,
  },
} as const satisfies Record<EnvironmentName, unknown>
