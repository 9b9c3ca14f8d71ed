import type { EnvironmentName } from '../../config/schema.ts'

/** Of templates/terraform/azure/foundation/locals.tf, what costs by the hour; a test holds the two together. */
export const sizes = {
  dev: {
    database_sku: 'B_Standard_B1ms',
    database_storage_mb: 32768,
    database_zone_redundant: false,
    sql_sku: 'GP_S_Gen5_1',
    storage_replication: 'LRS',
    cache_sku: 'Balanced_B0',
    cache_replicated: false,
    registry_sku: 'Basic',
    protected: false,
  },
  staging: {
    database_sku: 'GP_Standard_D2ds_v5',
    database_storage_mb: 65536,
    database_zone_redundant: false,
    sql_sku: 'GP_Gen5_2',
    storage_replication: 'ZRS',
    cache_sku: 'Balanced_B1',
    cache_replicated: true,
    registry_sku: 'Standard',
    protected: false,
  },
  prod: {
    database_sku: 'GP_Standard_D4ds_v5',
    database_storage_mb: 131072,
    database_zone_redundant: true,
    sql_sku: 'GP_Gen5_4',
    storage_replication: 'GZRS',
    cache_sku: 'Balanced_B5',
    cache_replicated: true,
    registry_sku: 'Premium',
    protected: true,
  },
} as const satisfies Record<EnvironmentName, unknown>

/** `max_size_gb` in database-azure-sql.tf. */
export const sqlStorageGb = 32
