import type { EnvironmentName } from '../../config/schema.ts'

/** Of templates/terraform/aws/foundation/locals.tf, what costs by the hour; a test holds the two together. */
export const sizes = {
  dev: {
    database_class: 'db.t4g.medium',
    database_storage_gib: 20,
    database_multi_az: false,
    cache_node: 'cache.t4g.small',
    cache_replicas: 1,
  },
  staging: {
    database_class: 'db.t4g.large',
    database_storage_gib: 50,
    database_multi_az: false,
    cache_node: 'cache.t4g.medium',
    cache_replicas: 1,
  },
  prod: {
    database_class: 'db.r7g.large',
    database_storage_gib: 100,
    database_multi_az: true,
    cache_node: 'cache.r7g.large',
    cache_replicas: 2,
  },
} as const satisfies Record<EnvironmentName, unknown>

/** `disk_gib` of the node groups in templates/terraform/aws/cluster/locals.tf. */
export const diskGib = { general: 50, gpu: 100 } as const
