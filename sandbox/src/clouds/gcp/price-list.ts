export interface ListedSku {
  readonly service: string
  readonly description: string
  readonly family: string
  readonly group: string
  readonly usage: 'OnDemand' | 'Preemptible'
  readonly unit: 'h' | 'GiBy.h' | 'GiBy.mo' | 'GiBy' | 'mo'
  /** USD by the amount a month from which it holds. */
  readonly tiers: readonly (readonly [from: number, usd: number])[]
  readonly isGlobal?: true
}

/** USD an hour of a vCPU and of a GiB of memory, by what the catalogue calls the family. */
const families: Readonly<Record<string, readonly [core: number, ram: number]>> = {
  'E2 Instance': [0.02181159, 0.00292353],
  'E2 Custom Instance': [0.02181159, 0.00292353],
  'N1 Predefined Instance': [0.031611, 0.004237],
  'N2 Instance': [0.031611, 0.004237],
  'N2D AMD Instance': [0.027502, 0.003686],
  'C3 Instance': [0.03398, 0.00456],
  'G2 Instance': [0.024988, 0.002927],
}
/** What an interruptible machine costs of a regular one's price: about as much as on a calm day. */
const spotShare = 0.3

const compute = 'Compute Engine'
const one = (usd: number) => [[0, usd]] as const
const round = (usd: number) => Math.round(usd * 1e9) / 1e9

function machine(name: string, [core, ram]: readonly [number, number]): readonly ListedSku[] {
  return (['OnDemand', 'Preemptible'] as const).flatMap(usage => {
    const [prefix, share] = usage === 'OnDemand' ? ['', 1] : ['Spot Preemptible ', spotShare]
    return [
      {
        service: compute,
        description: `${prefix}${name} Core running in Iowa`,
        family: 'Compute',
        group: 'CPU',
        usage,
        unit: 'h' as const,
        tiers: one(round(core * share)),
      },
      {
        service: compute,
        description: `${prefix}${name} Ram running in Iowa`,
        family: 'Compute',
        group: 'RAM',
        usage,
        unit: 'GiBy.h' as const,
        tiers: one(round(ram * share)),
      },
    ]
  })
}

const other = (
  service: string,
  description: string,
  unit: ListedSku['unit'],
  tiers: ListedSku['tiers'],
  isGlobal?: true,
): ListedSku => ({
  service,
  description,
  family: 'ApplicationServices',
  group: service.replaceAll(' ', ''),
  usage: 'OnDemand',
  unit,
  tiers,
  ...(isGlobal === undefined ? {} : { isGlobal }),
})

export const priceList: readonly ListedSku[] = [
  ...Object.entries(families).flatMap(([name, prices]) => machine(name, prices)),
  {
    service: compute,
    description: 'Nvidia L4 GPU running in Iowa',
    family: 'Compute',
    group: 'GPU',
    usage: 'OnDemand',
    unit: 'h',
    tiers: one(0.56004),
  },
  {
    service: compute,
    description: 'Nvidia L4 GPU attached to Spot Preemptible VMs running in Iowa',
    family: 'Compute',
    group: 'GPU',
    usage: 'Preemptible',
    unit: 'h',
    tiers: one(0.2232),
  },
  other(compute, 'Balanced PD Capacity', 'GiBy.mo', one(0.1)),
  other('Kubernetes Engine', 'Regional Kubernetes Clusters', 'h', one(0.1), true),
  other('Kubernetes Engine', 'Zonal Kubernetes Clusters', 'h', one(0.1), true),
  ...(
    [
      ['Zonal', 1],
      ['Regional', 2],
    ] as const
  ).flatMap(([place, times]) => [
    other('Cloud SQL', `Cloud SQL for PostgreSQL: ${place} - vCPU in Americas`, 'h', one(0.0413 * times)),
    other('Cloud SQL', `Cloud SQL for PostgreSQL: ${place} - RAM in Americas`, 'GiBy.h', one(0.007 * times)),
    other(
      'Cloud SQL',
      `Cloud SQL for PostgreSQL: ${place} - Standard storage in Americas`,
      'GiBy.mo',
      one(0.17 * times),
    ),
  ]),
  ...(
    [
      ['Shared Core Nano', 0.0318],
      ['Standard Small', 0.1425],
      ['Default', 0.1923],
      ['Highmem XLarge', 0.8581],
    ] as const
  ).map(([name, usd]) =>
    other('Cloud Memorystore for Redis', `Redis Cluster Node ${name} Iowa`, 'h', one(usd)),
  ),
  other('Networking', 'Networking Cloud Nat Gateway Uptime', 'h', one(0.0014), true),
  other('Networking', 'Networking Cloud NAT IP Usage', 'h', one(0.005), true),
  other('Networking', 'Networking Cloud Nat Data Processing', 'GiBy', one(0.045), true),
  other(
    'Cloud Key Management Service (KMS)',
    'Active software symmetric key versions',
    'mo',
    one(0.06),
    true,
  ),
  other('Cloud Storage', 'Standard Storage US Regional', 'GiBy.mo', [
    [0, 0],
    [5, 0.02],
  ]),
  other(
    'Artifact Registry',
    'Artifact Registry Storage',
    'GiBy.mo',
    [
      [0, 0],
      [0.5, 0.1],
    ],
    true,
  ),
  other(
    'Cloud Logging',
    'Log Storage cost',
    'GiBy',
    [
      [0, 0],
      [50, 0.5],
    ],
    true,
  ),
]
