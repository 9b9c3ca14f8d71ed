import type { StoredResource } from '../../../store/resource-store.ts'
import { flag, text } from '../attributes.ts'
import { inRegion, tagsOf } from '../naming.ts'
import { zonesOf } from '../zones.ts'
import { type ApiScope, items, type XmlValue } from './answer.ts'
import { describeInstances, describeInstanceTypes } from './instances.ts'
import { describeSpotPriceHistory } from './pricing.ts'

type Input = URLSearchParams
type Operation = (input: Input, scope: ApiScope) => { readonly [name: string]: XmlValue }

/** One Describe operation: which resources, how one looks, and what its filters compare beside tags and the VPC. */
interface View {
  readonly type: string
  readonly setName: string
  /** Parameter that lists ids: 'VpcId' for VpcId.1, VpcId.2 … */
  readonly idParameter: string
  readonly show: (resource: StoredResource, scope: ApiScope) => { readonly [name: string]: XmlValue }
  readonly filters?: Readonly<
    Record<string, (resource: StoredResource, scope: ApiScope) => readonly string[]>
  >
}

const views: Readonly<Record<string, View>> = {
  DescribeVpcs: {
    type: 'aws_vpc',
    setName: 'vpcSet',
    idParameter: 'VpcId',
    show: (vpc, { world }) => ({
      vpcId: vpc.id,
      state: 'available',
      cidrBlock: text(vpc.attributes, 'cidr_block'),
      ownerId: text(vpc.attributes, 'owner_id'),
      isDefault: false,
      instanceTenancy: 'default',
      cidrBlockAssociationSet: items([
        {
          cidrBlock: text(vpc.attributes, 'cidr_block'),
          associationId: `vpc-cidr-assoc-${vpc.id.slice(4)}`,
          cidrBlockState: { state: 'associated' },
        },
        ...world.store
          .list('aws_vpc_ipv4_cidr_block_association')
          .filter(association => association.attributes['vpc_id'] === vpc.id)
          .map(association => ({
            cidrBlock: text(association.attributes, 'cidr_block'),
            associationId: association.id,
            cidrBlockState: { state: 'associated' },
          })),
      ]),
    }),
  },
  DescribeSubnets: {
    type: 'aws_subnet',
    setName: 'subnetSet',
    idParameter: 'SubnetId',
    show: ({ id, attributes }) => ({
      subnetId: id,
      subnetArn: text(attributes, 'arn'),
      vpcId: text(attributes, 'vpc_id'),
      state: 'available',
      cidrBlock: text(attributes, 'cidr_block'),
      availabilityZone: text(attributes, 'availability_zone'),
      availabilityZoneId: text(attributes, 'availability_zone_id'),
      availableIpAddressCount: 250,
      mapPublicIpOnLaunch: flag(attributes, 'map_public_ip_on_launch'),
      ownerId: text(attributes, 'owner_id'),
    }),
  },
  DescribeInternetGateways: {
    type: 'aws_internet_gateway',
    setName: 'internetGatewaySet',
    idParameter: 'InternetGatewayId',
    show: ({ id, attributes }) => ({
      internetGatewayId: id,
      ownerId: text(attributes, 'owner_id'),
      attachmentSet: items([{ vpcId: text(attributes, 'vpc_id'), state: 'available' }]),
    }),
  },
  DescribeAddresses: {
    type: 'aws_eip',
    setName: 'addressesSet',
    idParameter: 'AllocationId',
    show: ({ id, attributes }) => ({
      allocationId: id,
      publicIp: text(attributes, 'public_ip'),
      domain: 'vpc',
    }),
  },
  DescribeNatGateways: {
    type: 'aws_nat_gateway',
    setName: 'natGatewaySet',
    idParameter: 'NatGatewayId',
    show: ({ id, attributes }, { world }) => ({
      natGatewayId: id,
      subnetId: text(attributes, 'subnet_id'),
      vpcId: text(
        world.store.get('aws_subnet', text(attributes, 'subnet_id') ?? '')?.attributes ?? {},
        'vpc_id',
      ),
      state: 'available',
      connectivityType: text(attributes, 'connectivity_type'),
    }),
    filters: { state: () => ['available'] },
  },
  DescribeRouteTables: {
    type: 'aws_route_table',
    setName: 'routeTableSet',
    idParameter: 'RouteTableId',
    show: ({ id, attributes }, { world }) => ({
      routeTableId: id,
      vpcId: text(attributes, 'vpc_id'),
      ownerId: text(attributes, 'owner_id'),
      associationSet: items(
        world.store
          .list('aws_route_table_association')
          .filter(association => association.attributes['route_table_id'] === id)
          .map(association => ({
            routeTableAssociationId: association.id,
            routeTableId: id,
            subnetId: text(association.attributes, 'subnet_id'),
            main: false,
            associationState: { state: 'associated' },
          })),
      ),
    }),
    filters: {
      'association.subnet-id': ({ id }, { world }) =>
        world.store
          .list('aws_route_table_association')
          .filter(association => association.attributes['route_table_id'] === id)
          .map(association => text(association.attributes, 'subnet_id') ?? ''),
    },
  },
  DescribeVpcEndpoints: {
    type: 'aws_vpc_endpoint',
    setName: 'vpcEndpointSet',
    idParameter: 'VpcEndpointId',
    show: ({ id, attributes }) => ({
      vpcEndpointId: id,
      vpcId: text(attributes, 'vpc_id'),
      serviceName: text(attributes, 'service_name'),
      vpcEndpointType: text(attributes, 'vpc_endpoint_type'),
      state: 'available',
    }),
    filters: { 'vpc-endpoint-state': () => ['available'] },
  },
  DescribeSecurityGroups: {
    type: 'aws_security_group',
    setName: 'securityGroupInfo',
    idParameter: 'GroupId',
    show: ({ id, attributes }) => ({
      groupId: id,
      groupName: text(attributes, 'name'),
      groupDescription: text(attributes, 'description'),
      vpcId: text(attributes, 'vpc_id'),
      ownerId: text(attributes, 'owner_id'),
      securityGroupArn: text(attributes, 'arn'),
    }),
    filters: { 'group-name': ({ attributes }) => [text(attributes, 'name') ?? ''] },
  },
  DescribeLaunchTemplates: {
    type: 'aws_launch_template',
    setName: 'launchTemplates',
    idParameter: 'LaunchTemplateId',
    show: ({ id, attributes }) => ({
      launchTemplateId: id,
      launchTemplateName: text(attributes, 'name'),
      latestVersionNumber: Number(attributes['latest_version'] ?? 1),
      defaultVersionNumber: Number(attributes['default_version'] ?? 1),
    }),
  },
  DescribeNetworkInterfaces: {
    type: 'aws_network_interface',
    setName: 'networkInterfaceSet',
    idParameter: 'NetworkInterfaceId',
    show: ({ id, attributes }) => ({
      networkInterfaceId: id,
      subnetId: text(attributes, 'subnet_id'),
      vpcId: text(attributes, 'vpc_id'),
      status: text(attributes, 'status') ?? 'available',
      description: text(attributes, 'description'),
      interfaceType: text(attributes, 'interface_type') ?? 'interface',
    }),
  },
  DescribeVolumes: {
    type: 'aws_ebs_volume',
    setName: 'volumeSet',
    idParameter: 'VolumeId',
    show: ({ id, attributes }) => ({
      volumeId: id,
      status: text(attributes, 'status') ?? 'available',
      availabilityZone: text(attributes, 'availability_zone'),
      size: Number(attributes['size'] ?? 1),
    }),
  },
  DescribeSnapshots: {
    type: 'aws_ebs_snapshot',
    setName: 'snapshotSet',
    idParameter: 'SnapshotId',
    show: ({ id, attributes }) => ({
      snapshotId: id,
      volumeId: text(attributes, 'volume_id'),
      status: 'completed',
    }),
  },
}

function describe(view: View): Operation {
  return (input, scope) => {
    const ids = numbered(input, view.idParameter)
    const filters = filtersOf(input)
    const found = resourcesOf(view, scope).filter(
      resource =>
        (ids.length === 0 || ids.includes(resource.id)) &&
        filters.every(filter => fits(resource, filter, view, scope)),
    )
    return {
      [view.setName]: items(
        found.map(resource => ({
          ...view.show(resource, scope),
          tagSet: items(Object.entries(tagsOf(resource)).map(([key, value]) => ({ key, value }))),
        })),
      ),
    }
  }
}

/** Every VPC brings a group named default that no resource stands for until one adopts it. */
function resourcesOf(view: View, { world, region }: ApiScope): readonly StoredResource[] {
  const own = inRegion(world, view.type, region)
  if (view.type !== 'aws_security_group') return own
  return [
    ...own,
    ...inRegion(world, 'aws_vpc', region).map(vpc => {
      const id = text(vpc.attributes, 'default_security_group_id') ?? ''
      const adopted = world.store.get('aws_default_security_group', id)
      const attributes = adopted?.attributes ?? { name: 'default', vpc_id: vpc.id }
      return { type: 'aws_security_group', id, attributes, createdAt: vpc.createdAt }
    }),
  ]
}

interface Filter {
  readonly name: string
  readonly values: readonly string[]
}

function fits(resource: StoredResource, filter: Filter, view: View, scope: ApiScope): boolean {
  const has = (values: readonly string[]) => values.some(value => filter.values.includes(value))
  if (filter.name.startsWith('tag:')) return has([tagsOf(resource)[filter.name.slice(4)] ?? ' '])
  if (filter.name === 'tag-key') return has(Object.keys(tagsOf(resource)))
  const own = view.filters?.[filter.name]
  if (own !== undefined) return has(own(resource, scope))
  if (filter.name === 'vpc-id') return has([text(resource.attributes, 'vpc_id') ?? ''])
  if (filter.name === 'attachment.vpc-id') return has([text(resource.attributes, 'vpc_id') ?? ''])
  return false
}

function filtersOf(input: Input): readonly Filter[] {
  const indices = [...input.keys()]
    .map(key => /^Filter\.(\d+)\.Name$/.exec(key)?.[1])
    .filter(index => index !== undefined)
  return indices.map(index => ({
    name: input.get(`Filter.${index}.Name`) ?? '',
    values: numbered(input, `Filter.${index}.Value`),
  }))
}

/** `Name.1`, `Name.2` … in order. */
function numbered(input: Input, name: string): readonly string[] {
  const values: string[] = []
  for (let index = 1; ; index += 1) {
    const value = input.get(`${name}.${index}`)
    if (value === null) return values
    values.push(value)
  }
}

const zones: Operation = (_input, { region }) => ({
  availabilityZoneInfo: items(
    zonesOf(region).map(zone => ({
      zoneName: zone.name,
      zoneId: zone.id,
      regionName: region,
      zoneState: 'available',
      optInStatus: 'opt-in-not-required',
    })),
  ),
})

export const ec2Operations: Readonly<Record<string, Operation>> = {
  ...Object.fromEntries(Object.entries(views).map(([name, view]) => [name, describe(view)])),
  DescribeAvailabilityZones: zones,
  DescribeInstances: describeInstances,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeSpotPriceHistory: describeSpotPriceHistory,
}
