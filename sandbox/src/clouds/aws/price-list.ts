/** One product with its on-demand price in us-east-1, in USD. */
export interface ListedProduct {
  readonly service: string
  readonly family: string | undefined
  /** The region's abbreviation stands before it, except at home. */
  readonly usage: string
  readonly attributes: Readonly<Record<string, string>>
  readonly unit: string
  readonly usd: number
  /** From this amount a month on; 0 when it is left out. */
  readonly from?: number
}

/** USD an hour of the families whose price grows with their vCPUs: `large` has two. */
const perVcpu: Readonly<Record<string, number>> = {
  m5: 0.048,
  m6a: 0.0432,
  m6i: 0.048,
  m7i: 0.0504,
  c6i: 0.0425,
  r6i: 0.063,
}
const vcpus: Readonly<Record<string, number>> = {
  large: 2,
  xlarge: 4,
  '2xlarge': 8,
  '4xlarge': 16,
  '8xlarge': 32,
}
const machines: Readonly<Record<string, number>> = {
  't3.medium': 0.0416,
  't3.large': 0.0832,
  'g4dn.xlarge': 0.526,
  'g5.xlarge': 1.006,
  'g6.xlarge': 0.8048,
  'g6.2xlarge': 0.9776,
  ...Object.fromEntries(
    Object.entries(perVcpu).flatMap(([family, usd]) =>
      Object.entries(vcpus).map(([size, count]) => [`${family}.${size}`, usd * count]),
    ),
  ),
}
const databases: Readonly<Record<string, number>> = {
  'db.t4g.medium': 0.065,
  'db.t4g.large': 0.129,
  'db.r7g.large': 0.239,
}
const caches: Readonly<Record<string, number>> = {
  'cache.t4g.small': 0.0256,
  'cache.t4g.medium': 0.052,
  'cache.r7g.large': 0.1752,
}

export const priceList: readonly ListedProduct[] = [
  ...Object.entries(machines).flatMap(([instanceType, usd]) =>
    ['Linux', 'Windows'].map(operatingSystem => ({
      service: 'AmazonEC2',
      family: 'Compute Instance',
      usage: `BoxUsage:${instanceType}`,
      attributes: {
        instanceType,
        operatingSystem,
        tenancy: 'Shared',
        preInstalledSw: 'NA',
        capacitystatus: 'Used',
        licenseModel: 'No License required',
      },
      unit: 'Hrs',
      usd: operatingSystem === 'Linux' ? usd : usd * 1.9,
    })),
  ),
  {
    service: 'AmazonEC2',
    family: 'Storage',
    usage: 'EBS:VolumeUsage.gp3',
    attributes: { volumeApiName: 'gp3', volumeType: 'General Purpose' },
    unit: 'GB-Mo',
    usd: 0.08,
  },
  ...(
    [
      ['NatGateway-Hours', 'Hrs'],
      ['NatGateway-Bytes', 'GB'],
    ] as const
  ).map(([usage, unit]) => ({
    service: 'AmazonEC2',
    family: 'NAT Gateway',
    usage,
    attributes: { group: 'NGW:NatGateway' },
    unit,
    usd: 0.045,
  })),
  ...['PublicIPv4:InUseAddress', 'PublicIPv4:IdleAddress'].map(usage => ({
    service: 'AmazonVPC',
    family: undefined,
    usage,
    attributes: { group: 'VPCPublicIPv4Address' },
    unit: 'Hrs',
    usd: 0.005,
  })),
  ...Object.entries(databases).flatMap(([instanceType, usd]) =>
    (
      [
        ['Single-AZ', 'InstanceUsage', 1],
        ['Multi-AZ', 'Multi-AZUsage', 2],
      ] as const
    ).map(([deploymentOption, usage, times]) => ({
      service: 'AmazonRDS',
      family: 'Database Instance',
      usage: `${usage}:${instanceType}`,
      attributes: { instanceType, databaseEngine: 'PostgreSQL', deploymentOption },
      unit: 'Hrs',
      usd: usd * times,
    })),
  ),
  ...(
    [
      ['Single-AZ', 'RDS:GP3-Storage', 0.115],
      ['Multi-AZ', 'RDS:Multi-AZ-GP3-Storage', 0.23],
    ] as const
  ).map(([deploymentOption, usage, usd]) => ({
    service: 'AmazonRDS',
    family: 'Database Storage',
    usage,
    attributes: { volumeType: 'General Purpose-GP3', databaseEngine: 'Any', deploymentOption },
    unit: 'GB-Mo',
    usd,
  })),
  {
    service: 'AWSSecretsManager',
    family: 'Secret',
    usage: 'AWSSecretsManager-Secrets',
    attributes: {},
    unit: 'Secrets',
    usd: 0.4,
  },
  ...Object.entries(caches).flatMap(([instanceType, usd]) =>
    (
      [
        ['Valkey', `NodeUsage:${instanceType}`, usd],
        ['Redis', `NodeUsage:${instanceType}`, usd * 1.25],
        // A surcharge on versions past their end, under the same node type.
        ['Valkey', `ExtendedSupportYr3-NodeUsage:${instanceType}`, usd * 1.6],
      ] as const
    ).map(([cacheEngine, usage, price]) => ({
      service: 'AmazonElastiCache',
      family: 'Cache Instance',
      usage,
      attributes: { instanceType, cacheEngine },
      unit: 'Hrs',
      usd: price,
    })),
  ),
  {
    service: 'awskms',
    family: 'Encryption Key',
    usage: 'KMS-Keys',
    attributes: {},
    unit: 'Keys',
    usd: 1,
  },
  ...(
    [
      ['AmazonEKS-Hours:perCluster', 0.1],
      ['AmazonEKS-Hours:extendedSupport', 0.5],
    ] as const
  ).map(([usage, usd]) => ({
    service: 'AmazonEKS',
    family: 'Compute',
    usage,
    attributes: {},
    unit: 'Hours',
    usd,
  })),
  ...(
    [
      [0, 0.023],
      [51_200, 0.022],
    ] as const
  ).map(([from, usd]) => ({
    service: 'AmazonS3',
    family: 'Storage',
    usage: 'TimedStorage-ByteHrs',
    attributes: { volumeType: 'Standard', storageClass: 'General Purpose' },
    unit: 'GB-Mo',
    usd,
    from,
  })),
  {
    service: 'AmazonECR',
    family: 'EC2 Container Registry',
    usage: 'TimedStorage-ByteHrs',
    attributes: {},
    unit: 'GB-Mo',
    usd: 0.1,
  },
  {
    service: 'AmazonCloudWatch',
    family: 'Data Payload',
    usage: 'DataProcessing-Bytes',
    attributes: { group: 'Ingested Logs' },
    unit: 'GB',
    usd: 0.5,
  },
]

/** What an interruptible machine costs of a regular one's price: about as much as on a calm day. */
const spotShare = 0.4

export function spotPrice(instanceType: string): number | undefined {
  const usd = machines[instanceType]
  return usd === undefined ? undefined : usd * spotShare
}
