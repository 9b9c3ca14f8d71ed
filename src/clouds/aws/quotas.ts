import type { Instance } from '@aws-sdk/client-ec2'
import { MlpError } from '../../engine/errors.ts'
import type { Quota, QuotaNeed } from '../cloud.ts'
import { type AwsPlatform, ask, isOurs } from './platform.ts'

/** Zones that get a NAT gateway with an address: `nat_zones` in templates/terraform/aws/foundation/locals.tf. */
export const natZones = { dev: 1, staging: 1, prod: 3 } as const

interface Limit {
  readonly service: 'ec2' | 'vpc'
  readonly code: string
}

const network = {
  vpcs: { service: 'vpc', code: 'L-F678F1CE' },
  addresses: { service: 'ec2', code: 'L-0263D0A3' },
  natGatewaysPerZone: { service: 'vpc', code: 'L-FE5A380F' },
} as const satisfies Record<string, Limit>

/**
 * EC2 counts vCPUs by the letters that a type begins with; no letters here, no limit that mlp knows.
 * https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
 */
const machineClasses = [
  { families: ['g', 'vt', 'gr'], onDemand: 'L-DB2E81BA', spot: 'L-3819A6DF' },
  { families: ['p'], onDemand: 'L-417A185B', spot: 'L-7212CCBC' },
  { families: ['inf'], onDemand: 'L-1945791B', spot: 'L-B5D1601B' },
  {
    families: ['a', 'c', 'd', 'h', 'i', 'im', 'is', 'm', 'r', 't', 'z'],
    onDemand: 'L-1216C47A',
    spot: 'L-34B43A08',
  },
] as const

/** Room for one more VPC with its gateways, and for the nodes' vCPUs. */
export async function quotas(
  platform: AwsPlatform,
  needs: readonly QuotaNeed[],
  signal: AbortSignal,
): Promise<readonly Quota[]> {
  const nodes = needs.filter(need => need.kind === 'nodes')
  const parts = await Promise.all([
    needs.some(({ kind }) => kind === 'network') ? networkQuotas(platform, signal) : [],
    nodes.length > 0 ? nodeQuotas(platform, nodes, signal) : [],
  ])
  return parts.flat()
}

async function networkQuotas(platform: AwsPlatform, signal: AbortSignal): Promise<readonly Quota[]> {
  const [ec2, { DescribeAddressesCommand, paginateDescribeVpcs }] = await Promise.all([
    platform.clients.ec2(),
    import('@aws-sdk/client-ec2'),
  ])
  const zones = natZones[platform.config.environment]
  const others = (tags: Parameters<typeof isOurs>[1]) => !isOurs(platform, tags)
  const [vpcs, addresses, busiestZone] = await Promise.all([
    ask('counting VPCs', async () => {
      const pages = paginateDescribeVpcs({ client: ec2 }, {}, { abortSignal: signal })
      return (await Array.fromAsync(pages)).flatMap(({ Vpcs }) => Vpcs ?? [])
    }),
    ask('counting elastic addresses', async () => {
      const answer = await ec2.send(new DescribeAddressesCommand({}), { abortSignal: signal })
      return answer.Addresses ?? []
    }),
    natGatewaysInBusiestZone(platform, zones, signal),
  ])
  return Promise.all([
    quota(platform, network.vpcs, 1, 1, vpcs.filter(({ Tags }) => others(Tags)).length, signal),
    quota(
      platform,
      network.addresses,
      zones,
      zones,
      addresses.filter(({ Tags }) => others(Tags)).length,
      signal,
    ),
    quota(platform, network.natGatewaysPerZone, 1, 1, busiestZone, signal),
  ])
}

/** Others' NAT gateways in the fullest of the zones that ours go to: the first by name, as the template takes them. */
async function natGatewaysInBusiestZone(
  platform: AwsPlatform,
  zoneCount: number,
  abortSignal: AbortSignal,
): Promise<number> {
  const [ec2, sdk] = await Promise.all([platform.clients.ec2(), import('@aws-sdk/client-ec2')])
  const { DescribeAvailabilityZonesCommand, DescribeSubnetsCommand, paginateDescribeNatGateways } = sdk
  return ask('counting NAT gateways', async () => {
    const states = { Name: 'state', Values: ['pending', 'available', 'deleting'] }
    const pages = paginateDescribeNatGateways({ client: ec2 }, { Filter: [states] }, { abortSignal })
    const others = (await Array.fromAsync(pages))
      .flatMap(({ NatGateways }) => NatGateways ?? [])
      .filter(({ Tags }) => !isOurs(platform, Tags))
    if (others.length === 0) return 0
    const SubnetIds = [...new Set(others.flatMap(({ SubnetId }) => SubnetId ?? []))]
    const optedIn = { Name: 'opt-in-status', Values: ['opt-in-not-required'] }
    const [subnets, zones] = await Promise.all([
      ec2.send(new DescribeSubnetsCommand({ SubnetIds }), { abortSignal }),
      ec2.send(new DescribeAvailabilityZonesCommand({ Filters: [optedIn] }), { abortSignal }),
    ])
    const zoneOf = new Map(subnets.Subnets?.map(subnet => [subnet.SubnetId, subnet.AvailabilityZone]))
    const ours = (zones.AvailabilityZones ?? [])
      .flatMap(({ ZoneName }) => ZoneName ?? [])
      .sort()
      .slice(0, zoneCount)
    return Math.max(
      ...ours.map(zone => others.filter(({ SubnetId }) => zoneOf.get(SubnetId) === zone).length),
      0,
    )
  })
}

async function nodeQuotas(
  platform: AwsPlatform,
  pools: readonly Extract<QuotaNeed, { kind: 'nodes' }>[],
  signal: AbortSignal,
): Promise<readonly Quota[]> {
  const [cpus, instances] = await Promise.all([
    vcpusOf(platform, [...new Set(pools.map(({ type }) => type))], signal),
    othersInstances(platform, signal),
  ])
  const codes = new Set(pools.flatMap(({ type, spot }) => codeOf(type, spot) ?? []))
  return Promise.all(
    [...codes].map(code => {
      const its = pools.filter(({ type, spot }) => codeOf(type, spot) === code)
      const total = (bound: 'min' | 'max') =>
        its.reduce((sum, pool) => sum + pool[bound] * (cpus.get(pool.type) ?? 0), 0)
      const used = instances
        .filter(
          ({ InstanceType = '', InstanceLifecycle }) =>
            codeOf(InstanceType, InstanceLifecycle === 'spot') === code,
        )
        .reduce((sum, { CpuOptions: cpu }) => sum + (cpu?.CoreCount ?? 0) * (cpu?.ThreadsPerCore ?? 1), 0)
      return quota(platform, { service: 'ec2', code }, total('min'), total('max'), used, signal)
    }),
  )
}

async function vcpusOf(
  { clients, aws }: AwsPlatform,
  types: readonly string[],
  abortSignal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const [ec2, { DescribeInstanceTypesCommand }] = await Promise.all([
    clients.ec2(),
    import('@aws-sdk/client-ec2'),
  ])
  // A type of any name is asked for by filter: as a parameter it would have to be one that this SDK knows.
  const Filters = [{ Name: 'instance-type', Values: [...types] }]
  const answer = await ask(`reading the sizes of ${types.join(' and ')}`, () =>
    ec2.send(new DescribeInstanceTypesCommand({ Filters }), { abortSignal }),
  )
  const found = new Map(
    answer.InstanceTypes?.map(({ InstanceType = '', VCpuInfo }): [string, number] => [
      InstanceType,
      VCpuInfo?.DefaultVCpus ?? 0,
    ]),
  )
  const missing = types.find(type => !found.has(type))
  if (missing === undefined) return found
  throw new MlpError({
    code: 'MLP3012',
    summary: `AWS has no instance type ${missing} in ${aws.region}`,
    remedy: [
      `aws ec2 describe-instance-type-offerings --region ${aws.region}`,
      'Choose another in mlp.yaml.',
    ],
  })
}

/** Every running machine of the region but our cluster's nodes, which EKS marks. */
async function othersInstances(
  platform: AwsPlatform,
  abortSignal: AbortSignal,
): Promise<readonly Instance[]> {
  const [ec2, { paginateDescribeInstances }] = await Promise.all([
    platform.clients.ec2(),
    import('@aws-sdk/client-ec2'),
  ])
  return ask('counting running machines', async () => {
    const Filters = [{ Name: 'instance-state-name', Values: ['pending', 'running'] }]
    const pages = await Array.fromAsync(
      paginateDescribeInstances({ client: ec2 }, { Filters }, { abortSignal }),
    )
    const cluster = platform.names.cluster
    return pages
      .flatMap(({ Reservations }) => Reservations ?? [])
      .flatMap(({ Instances }) => Instances ?? [])
      .filter(({ Tags }) => !Tags?.some(({ Key, Value }) => Key === 'eks:cluster-name' && Value === cluster))
  })
}

function codeOf(type: string, spot: boolean): string | undefined {
  const letters = /^[a-z]+/.exec(type)?.[0]
  const found = machineClasses.find(({ families }) => families.some(family => family === letters))
  return spot ? found?.spot : found?.onDemand
}

async function quota(
  { clients, aws }: AwsPlatform,
  { service, code }: Limit,
  needed: number,
  wanted: number,
  used: number,
  abortSignal: AbortSignal,
): Promise<Quota> {
  const [client, sdk] = await Promise.all([clients.serviceQuotas(), import('@aws-sdk/client-service-quotas')])
  const input = { ServiceCode: service, QuotaCode: code }
  const found = await ask(`reading the quota ${service}/${code}`, async () => {
    try {
      return (await client.send(new sdk.GetServiceQuotaCommand(input), { abortSignal })).Quota
    } catch (error) {
      // Some quotas are known by their default until somebody asks for another.
      if (!(error instanceof sdk.NoSuchResourceException)) throw error
      return (await client.send(new sdk.GetAWSDefaultServiceQuotaCommand(input), { abortSignal })).Quota
    }
  })
  return {
    name: found?.QuotaName ?? code,
    needed,
    wanted,
    used,
    limit: found?.Value ?? 0,
    remedy: `Ask for more: https://${aws.region}.console.aws.amazon.com/servicequotas/home/services/${service}/quotas/${code}`,
  }
}
