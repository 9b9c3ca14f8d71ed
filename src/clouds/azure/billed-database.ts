import type { Config } from '../../config/schema.ts'
import type { Billed } from '../costs.ts'
import type { Meter } from './meter.ts'
import { sizes, sqlStorageGb } from './sizes.ts'

type Line = Billed<Meter>

/** The database of either kind, with its storage. */
export function databaseLines(config: Config): readonly Line[] {
  return config.database.engine === 'azure-sql' ? sqlDatabase(config) : postgresql(config)
}

function postgresql(config: Config): readonly Line[] {
  const size = sizes[config.environment]
  const address = 'azurerm_postgresql_flexible_server.main'
  const servers = size.database_zone_redundant ? 2 : 1
  const gib = size.database_storage_mb / 1024
  const twice = servers > 1 ? ' in two zones' : ''
  return [
    {
      root: 'foundation',
      address,
      instances: 1,
      what: `database, ${size.database_sku}${twice}`,
      amount: String(servers),
      parts: [{ query: serverMeter(size.database_sku), quantity: servers }],
    },
    {
      root: 'foundation',
      address,
      instances: 1,
      what: `storage of the database${twice}`,
      amount: `${gib * servers} GiB`,
      parts: [
        {
          query: {
            serviceName: 'Azure Database for PostgreSQL',
            productName: 'Az DB for PostgreSQL Flexible Server Storage',
            meterName: 'Storage Data Stored',
          },
          quantity: gib * servers,
        },
      ],
    },
  ]
}

/** `B_Standard_B1ms` is a meter of its own; `GP_Standard_D4ds_v5` is `4 vCore` of the series Ddsv5. */
function serverMeter(sku: string): Meter {
  const serviceName = 'Azure Database for PostgreSQL'
  const product = 'Azure Database for PostgreSQL Flexible Server'
  const [, letters = '', cores = '', features = '', version = ''] =
    /^[A-Z]+_Standard_([A-Z])(\d+)([a-z]*)(?:_(v\d+))?$/.exec(sku) ?? []
  if (sku.startsWith('B_')) {
    return {
      serviceName,
      productName: `${product} Burstable BS Series Compute`,
      skuName: `${letters}${cores}${features}`.toUpperCase(),
    }
  }
  return {
    serviceName,
    productPattern: `^${product} General Purpose (- )?${letters}${features}${version} Series Compute`,
    skuName: `${cores} vCore`,
  }
}

function sqlDatabase(config: Config): readonly Line[] {
  const size = sizes[config.environment]
  const address = 'azurerm_mssql_database.main'
  const serviceName = 'SQL Database'
  const cores = size.sql_sku.split('_').at(-1) ?? '1'
  const general = 'SQL Database Single/Elastic Pool General Purpose'
  const line = { root: 'foundation', address, instances: 1 } as const
  const storage: Line = {
    ...line,
    what: 'storage of the database',
    amount: `${sqlStorageGb} GB`,
    parts: [
      {
        query: { serviceName, productName: `${general} - Storage`, meterName: 'General Purpose Data Stored' },
        quantity: sqlStorageGb,
      },
    ],
  }
  if (size.sql_sku.startsWith('GP_S_')) {
    return [
      {
        ...line,
        what: `database, ${size.sql_sku}, which pauses when it is idle`,
        amount: '1',
        byUse: 'hour of a vCore',
        parts: [
          {
            query: {
              serviceName,
              productName: `${general} - Serverless - Compute Gen5`,
              skuName: '1 vCore',
            },
            quantity: 1,
          },
        ],
      },
      storage,
    ]
  }
  const compute = { serviceName, productName: `${general} - Compute Gen5` }
  const license = { serviceName, productName: `${general} - SQL License`, meterName: 'vCore' }
  return [
    {
      ...line,
      what: `database, ${size.sql_sku}${size.database_zone_redundant ? ', zone redundant' : ''}`,
      amount: '1',
      parts: [
        { query: { ...compute, skuName: `${cores} vCore` }, quantity: 1 },
        ...(size.database_zone_redundant
          ? [{ query: { ...compute, skuName: `${cores} vCore Zone Redundancy` }, quantity: 1 }]
          : []),
        { query: license, quantity: Number(cores) },
      ],
    },
    storage,
  ]
}
