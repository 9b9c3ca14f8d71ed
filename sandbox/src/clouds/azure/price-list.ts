export interface ListedMeter {
  readonly service: string
  readonly family: string
  readonly product: string
  readonly sku: string
  readonly meter: string
  readonly armSku: string
  readonly unit: '1 Hour' | '1/Month' | '1 GB/Month' | '1/Day' | '1 GB' | '10K' | '1'
  /** USD by the amount a month from which it holds. */
  readonly tiers: readonly (readonly [from: number, usd: number])[]
  /** Where it is not sold by region: what the list has as its place. */
  readonly place?: { readonly armRegionName: string; readonly location: string }
}

/** USD an hour of Linux machines in eastus; sizes of a family grow in price as in vCPUs. */
const machines: Readonly<Record<string, number>> = {
  Standard_B2s: 0.0416,
  Standard_NC4as_T4_v3: 0.526,
  Standard_NC8as_T4_v3: 0.752,
  Standard_NC24ads_A100_v4: 3.673,
  ...series(0.048, vcpus => `Standard_D${vcpus}s_v5`),
  ...series(0.0565, vcpus => `Standard_D${vcpus}ds_v5`),
  ...series(0.043, vcpus => `Standard_D${vcpus}as_v5`),
  ...series(0.063, vcpus => `Standard_E${vcpus}s_v5`),
}

function series(perVcpu: number, name: (vcpus: number) => string): Readonly<Record<string, number>> {
  return Object.fromEntries([2, 4, 8, 16, 32, 64].map(vcpus => [name(vcpus), perVcpu * vcpus]))
}

const global = { armRegionName: 'Global', location: '' }
const one = (usd: number) => [[0, usd]] as const
const meter = (
  service: string,
  product: string,
  sku: string,
  name: string,
  unit: ListedMeter['unit'],
  usd: number | ListedMeter['tiers'],
  place?: ListedMeter['place'],
): ListedMeter => ({
  service,
  family: product,
  product,
  sku,
  meter: name,
  armSku: '',
  unit,
  tiers: typeof usd === 'number' ? one(usd) : usd,
  ...(place === undefined ? {} : { place }),
})

const postgresql = 'Azure Database for PostgreSQL'
const flexible = 'Azure Database for PostgreSQL Flexible Server'
const sql = 'SQL Database Single/Elastic Pool General Purpose'

export const priceList: readonly ListedMeter[] = [
  ...Object.entries(machines).flatMap(([armSku, usd]) => {
    const name = armSku.replace('Standard_', '').replaceAll('_', ' ')
    const kinds = [
      [' Series', '', 1],
      [' Series Windows', '', 1.9],
      [' Series', ' Spot', 0.2],
      [' Series', ' Low Priority', 0.2],
    ] as const
    return kinds.map(
      ([product, sku, times]): ListedMeter => ({
        service: 'Virtual Machines',
        family: 'Compute',
        product: `Virtual Machines ${name.replace(/\d+/, '')}${product}`,
        sku: `${name}${sku}`,
        meter: `${name}${sku}`,
        armSku,
        unit: '1 Hour',
        tiers: one(Math.round(usd * times * 1e6) / 1e6),
      }),
    )
  }),
  ...(
    [
      ['P10', 19.71],
      ['P15', 38.02],
      ['P20', 73.22],
      ['P30', 135.17],
    ] as const
  ).map(([disk, usd]) =>
    meter('Storage', 'Premium SSD Managed Disks', `${disk} LRS`, `${disk} LRS Disk`, '1/Month', usd),
  ),
  meter(
    'Azure Kubernetes Service',
    'Azure Kubernetes Service',
    'Standard',
    'Standard Uptime SLA',
    '1 Hour',
    0.1,
  ),
  meter('NAT Gateway', 'NAT Gateway', 'Standard', 'Standard Gateway', '1 Hour', 0.045, global),
  meter('NAT Gateway', 'NAT Gateway', 'Standard', 'Standard Data Processed', '1 GB', 0.045, global),
  meter('Virtual Network', 'IP Addresses', 'Standard', 'Standard IPv4 Static Public IP', '1 Hour', 0.005),
  meter(
    'Virtual Network',
    'Virtual Network Private Link',
    'Standard',
    'Standard Private Endpoint',
    '1 Hour',
    0.01,
    global,
  ),
  meter(postgresql, `${flexible} Burstable BS Series Compute`, 'B1MS', 'B1MS', '1 Hour', 0.017),
  ...[2, 4, 8].map(vcpus =>
    meter(
      postgresql,
      `${flexible} General Purpose Ddsv5 Series Compute`,
      `${vcpus} vCore`,
      'vCore',
      '1 Hour',
      0.089 * vcpus,
    ),
  ),
  meter(
    postgresql,
    'Az DB for PostgreSQL Flexible Server Storage',
    'Storage',
    'Storage Data Stored',
    '1 GB/Month',
    0.115,
  ),
  meter('SQL Database', `${sql} - Serverless - Compute Gen5`, '1 vCore', 'vCore', '1 Hour', 0.5218),
  ...[2, 4].flatMap(vcpus => [
    meter('SQL Database', `${sql} - Compute Gen5`, `${vcpus} vCore`, 'vCore', '1 Hour', 0.152 * vcpus),
    meter(
      'SQL Database',
      `${sql} - Compute Gen5`,
      `${vcpus} vCore Zone Redundancy`,
      'Zone Redundancy vCore',
      '1 Hour',
      0.0913 * vcpus,
    ),
  ]),
  meter('SQL Database', `${sql} - SQL License`, 'vCore', 'vCore', '1 Hour', 0.1),
  meter(
    'SQL Database',
    `${sql} - Storage`,
    'General Purpose',
    'General Purpose Data Stored',
    '1 GB/Month',
    0.115,
  ),
  ...(
    [
      ['B0', 0.016],
      ['B1', 0.032],
      ['B3', 0.065],
      ['B5', 0.156],
    ] as const
  ).map(([size, usd]) =>
    meter('Redis Cache', 'Azure Managed Redis - Balanced', size, `${size} Cache Instance`, '1 Hour', usd),
  ),
  ...(
    [
      ['Basic', 0.1666],
      ['Standard', 0.6666],
      ['Premium', 1.6666],
    ] as const
  ).map(([tier, usd]) =>
    meter('Container Registry', 'Container Registry', tier, `${tier} Registry Unit`, '1/Day', usd),
  ),
  meter(
    'Azure DNS',
    'Azure DNS',
    'Private',
    'Private Zone',
    '1',
    [
      [0, 0.5],
      [25, 0.1],
    ],
    { armRegionName: '', location: 'Zone 1' },
  ),
  meter('Key Vault', 'Key Vault', 'Premium', 'Premium HSM-protected Advanced Key', '1/Month', [
    [0, 5],
    [250, 2.5],
  ]),
  ...['Standard', 'Premium'].map(sku => meter('Key Vault', 'Key Vault', sku, 'Operations', '10K', 0.03)),
  ...(
    [
      ['LRS', 0.0208],
      ['ZRS', 0.026],
      ['GZRS', 0.0468],
    ] as const
  ).map(([copies, usd]) =>
    meter('Storage', 'Blob Storage', `Hot ${copies}`, `Hot ${copies} Data Stored`, '1 GB/Month', [
      [0, usd],
      [51_200, usd * 0.96],
    ]),
  ),
  meter('Log Analytics', 'Log Analytics', 'Analytics Logs', 'Analytics Logs Data Ingestion', '1 GB', [
    [0, 0],
    [5, 2.3],
  ]),
]
