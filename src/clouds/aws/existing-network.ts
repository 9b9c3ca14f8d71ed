import type { Filter } from '@aws-sdk/client-ec2'
import { platformIdKey } from '../../config/names.ts'
import type { PlannedResource } from '../cloud.ts'
import { type AwsPlatform, ask, resourceKey } from './platform.ts'

/** Finds one EC2 resource by its filters; the id terraform imports it by. */
type Lookup = (platform: AwsPlatform, filters: Filter[], signal: AbortSignal) => Promise<string | undefined>

// Deleted NAT gateways and endpoints are described for an hour more, so those two say which states count.
const lookups: Readonly<Record<string, Lookup>> = {
  aws_vpc: async ({ clients }, Filters, abortSignal) => {
    const { DescribeVpcsCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeVpcsCommand({ Filters }), { abortSignal })
    return answer.Vpcs?.[0]?.VpcId
  },
  aws_subnet: async ({ clients }, Filters, abortSignal) => {
    const { DescribeSubnetsCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeSubnetsCommand({ Filters }), { abortSignal })
    return answer.Subnets?.[0]?.SubnetId
  },
  aws_internet_gateway: async ({ clients }, Filters, abortSignal) => {
    const { DescribeInternetGatewaysCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeInternetGatewaysCommand({ Filters }), {
      abortSignal,
    })
    return answer.InternetGateways?.[0]?.InternetGatewayId
  },
  aws_eip: async ({ clients }, Filters, abortSignal) => {
    const { DescribeAddressesCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeAddressesCommand({ Filters }), {
      abortSignal,
    })
    return answer.Addresses?.[0]?.AllocationId
  },
  aws_nat_gateway: async ({ clients }, filters, abortSignal) => {
    const { DescribeNatGatewaysCommand } = await import('@aws-sdk/client-ec2')
    const Filter = [...filters, { Name: 'state', Values: ['pending', 'available'] }]
    const answer = await (await clients.ec2()).send(new DescribeNatGatewaysCommand({ Filter }), {
      abortSignal,
    })
    return answer.NatGateways?.[0]?.NatGatewayId
  },
  aws_route_table: async ({ clients }, Filters, abortSignal) => {
    const { DescribeRouteTablesCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeRouteTablesCommand({ Filters }), {
      abortSignal,
    })
    return answer.RouteTables?.[0]?.RouteTableId
  },
  aws_vpc_endpoint: async ({ clients }, filters, abortSignal) => {
    const { DescribeVpcEndpointsCommand } = await import('@aws-sdk/client-ec2')
    const Filters = [...filters, { Name: 'vpc-endpoint-state', Values: ['pending', 'available'] }]
    const answer = await (await clients.ec2()).send(new DescribeVpcEndpointsCommand({ Filters }), {
      abortSignal,
    })
    return answer.VpcEndpoints?.[0]?.VpcEndpointId
  },
  aws_security_group: async ({ clients }, Filters, abortSignal) => {
    const { DescribeSecurityGroupsCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeSecurityGroupsCommand({ Filters }), {
      abortSignal,
    })
    return answer.SecurityGroups?.[0]?.GroupId
  },
  aws_launch_template: async ({ clients }, Filters, abortSignal) => {
    const { DescribeLaunchTemplatesCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeLaunchTemplatesCommand({ Filters }), {
      abortSignal,
    })
    return answer.LaunchTemplates?.[0]?.LaunchTemplateId
  },
  aws_vpc_ipv4_cidr_block_association: async ({ clients }, Filters, abortSignal) => {
    const { DescribeVpcsCommand } = await import('@aws-sdk/client-ec2')
    const answer = await (await clients.ec2()).send(new DescribeVpcsCommand({ Filters }), { abortSignal })
    const vpc = answer.Vpcs?.[0]
    return vpc?.CidrBlockAssociationSet?.find(
      range => range.CidrBlock !== vpc.CidrBlock && range.CidrBlockState?.State === 'associated',
    )?.AssociationId
  },
  aws_route_table_association: async (platform, filters, abortSignal) => {
    const subnet = await lookups['aws_subnet']?.(platform, filters, abortSignal)
    if (subnet === undefined) return undefined
    const { DescribeRouteTablesCommand } = await import('@aws-sdk/client-ec2')
    const Filters = [{ Name: 'association.subnet-id', Values: [subnet] }]
    const ec2 = await platform.clients.ec2()
    const answer = await ec2.send(new DescribeRouteTablesCommand({ Filters }), { abortSignal })
    const table = answer.RouteTables?.[0]?.RouteTableId
    return table === undefined ? undefined : `${subnet}/${table}`
  },
}

export function isNetworkType(type: string): boolean {
  return type in lookups
}

/** EC2 ids are random, so these are found by their tags; what has none, by the tagged thing it belongs to. */
export async function findNetwork(
  platform: AwsPlatform,
  resource: PlannedResource,
  mark: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const key = mark ?? ownerOf(resource)
  const lookup = lookups[resource.type]
  if (key === undefined || lookup === undefined) return undefined
  const filters = [
    { Name: `tag:${platformIdKey.aws}`, Values: [platform.platformId] },
    { Name: `tag:${resourceKey}`, Values: [key] },
  ]
  return ask(`looking for ${resource.address}`, () => lookup(platform, filters, signal))
}

/** `aws_route_table_association.private["a"]` belongs to `subnet/private-a`; the secondary range to the VPC. */
function ownerOf({ address, type }: PlannedResource): string | undefined {
  if (type === 'aws_vpc_ipv4_cidr_block_association') return 'vpc'
  const match = /^aws_route_table_association\.(\w+)\["([a-z]+)"\]$/.exec(address)
  return match === null ? undefined : `subnet/${match[1]}-${match[2]}`
}
