import { addressAt } from '../../../addresses.ts'
import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { requiredText, text, texts } from '../attributes.ts'
import { arn, ec2Id, mustExist, regionOf, withTags } from '../naming.ts'
import { mustHaveSubnets, mustHaveVpc } from './vpc.ts'

const internetGateway: Behaviour = {
  type: 'aws_internet_gateway',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachInternetGateway.html, API_DetachInternetGateway.html',
  seconds: { create: 2, update: 1, delete: 2 },
  refuses: { create: ['Resource.AlreadyAssociated'], delete: ['DependencyViolation'] },
  async create(planned, scope) {
    const vpcId = text(planned, 'vpc_id')
    if (vpcId !== undefined) {
      mustHaveVpc(scope, vpcId)
      const other = scope.world.store.list('aws_internet_gateway').find(g => g.attributes['vpc_id'] === vpcId)
      if (other !== undefined)
        throw new CloudError(
          'Resource.AlreadyAssociated',
          `resource ${vpcId} is already attached to network ${other.id}`,
        )
    }
    const id = ec2Id('igw')
    return {
      ...withTags(planned, scope),
      id,
      vpc_id: vpcId ?? '',
      arn: arn(scope, 'ec2', `internet-gateway/${id}`),
      owner_id: scope.world.secrets.awsAccountId,
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const vpcId = text(prior, 'vpc_id')
    const mapped = scope.world.store
      .list('aws_nat_gateway')
      .some(
        nat =>
          scope.world.store.get('aws_subnet', text(nat.attributes, 'subnet_id') ?? '')?.attributes[
            'vpc_id'
          ] === vpcId,
      )
    if (mapped)
      throw new CloudError(
        'DependencyViolation',
        `Network ${vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
      )
  },
}

const address: Behaviour = {
  type: 'aws_eip',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html, API_ReleaseAddress.html',
  seconds: { create: 2, update: 1, delete: 1 },
  refuses: { create: ['AddressLimitExceeded'], delete: ['InvalidIPAddress.InUse'] },
  async create(planned, scope) {
    const { store } = scope.world
    const inUse = store.list('aws_eip').length
    // The default quota of Elastic IP addresses per region.
    if (inUse >= 5)
      throw new CloudError('AddressLimitExceeded', 'The maximum number of addresses has been reached.')
    const id = ec2Id('eipalloc')
    const taken = new Set(store.list('aws_eip').map(other => text(other.attributes, 'public_ip')))
    const publicIp = ['203.0.113.0/24']
      .flatMap(range => Array.from({ length: 250 }, (_, index) => addressAt(range, index + 4)))
      .find(candidate => !taken.has(candidate))
    const region = regionOf(scope)
    return {
      instance: '',
      network_interface: '',
      ...withTags(planned, scope),
      id,
      allocation_id: id,
      arn: arn(scope, 'ec2', `elastic-ip/${id}`),
      association_id: '',
      carrier_ip: '',
      customer_owned_ip: '',
      domain: 'vpc',
      network_border_group: region,
      public_ip: publicIp ?? '203.0.113.4',
      public_dns: `ec2-${(publicIp ?? '203.0.113.4').replaceAll('.', '-')}.compute-1.amazonaws.com`,
      public_ipv4_pool: 'amazon',
      ptr_record: '',
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const id = requiredText(prior, 'id')
    const used = scope.world.store.list('aws_nat_gateway').some(nat => nat.attributes['allocation_id'] === id)
    if (used)
      throw new CloudError(
        'InvalidIPAddress.InUse',
        `Address ${text(prior, 'public_ip')} is in use and cannot be released.`,
      )
  },
}

const natGateway: Behaviour = {
  type: 'aws_nat_gateway',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html',
  seconds: { create: 100, update: 2, delete: 60 },
  refuses: { create: ['Resource.AlreadyAssociated'], delete: [] },
  async create(planned, scope) {
    const subnetId = requiredText(planned, 'subnet_id')
    mustHaveSubnets(scope, [subnetId], 'InvalidSubnetID.NotFound')
    const allocationId = text(planned, 'allocation_id')
    const allocation =
      planned['connectivity_type'] === 'private'
        ? undefined
        : mustExist(
            scope,
            'aws_eip',
            allocationId,
            'InvalidAllocationID.NotFound',
            `The allocation ID '${allocationId}' does not exist`,
          )
    const taken = scope.world.store
      .list('aws_nat_gateway')
      .some(nat => allocation !== undefined && nat.attributes['allocation_id'] === allocation.id)
    if (taken)
      throw new CloudError('Resource.AlreadyAssociated', `The address ${allocationId} is already associated.`)
    const cidr =
      text(scope.world.store.get('aws_subnet', subnetId)?.attributes ?? {}, 'cidr_block') ?? '10.0.0.0/24'
    return {
      secondary_private_ip_address_count: 0,
      secondary_private_ip_addresses: [],
      private_ip: addressAt(cidr, 10),
      ...withTags(planned, scope),
      id: ec2Id('nat'),
      association_id: ec2Id('eipassoc'),
      network_interface_id: ec2Id('eni'),
      public_ip: text(allocation?.attributes ?? {}, 'public_ip') ?? '',
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}

const endpoint: Behaviour = {
  type: 'aws_vpc_endpoint',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html',
  seconds: { create: 6, update: 6, delete: 6 },
  refuses: { create: ['RouteAlreadyExists'], delete: [] },
  async create(planned, scope) {
    const vpcId = requiredText(planned, 'vpc_id')
    const service = text(planned, 'service_name')
    mustHaveVpc(scope, vpcId)
    if (service === undefined || !service.startsWith(`com.amazonaws.${regionOf(scope)}.`))
      throw new CloudError('InvalidServiceName', `The Vpc Endpoint Service '${service}' does not exist`)
    // https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html: one route to a service a table.
    const tables = texts(planned, 'route_table_ids')
    for (const { attributes } of scope.world.store.list('aws_vpc_endpoint')) {
      const shared = texts(attributes, 'route_table_ids').find(table => tables.includes(table))
      if (attributes['service_name'] === service && shared !== undefined)
        throw new CloudError(
          'RouteAlreadyExists',
          `route table ${shared} already has a route with destination-prefix-list-id ${text(attributes, 'prefix_list_id')}`,
        )
    }
    const id = ec2Id('vpce')
    return {
      ip_address_type: '',
      private_dns_enabled: false,
      subnet_ids: [],
      security_group_ids: [],
      route_table_ids: [],
      policy: JSON.stringify({
        Version: '2008-10-17',
        Statement: [{ Action: '*', Effect: 'Allow', Principal: '*', Resource: '*' }],
      }),
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'ec2', `vpc-endpoint/${id}`),
      owner_id: scope.world.secrets.awsAccountId,
      state: 'available',
      requester_managed: false,
      network_interface_ids: [],
      dns_entry: [],
      cidr_blocks: ['52.216.0.0/15', '54.231.0.0/16'],
      prefix_list_id: 'pl-63a5400a',
      service_region: text(planned, 'service_region') ?? regionOf(scope),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}

export const gatewayBehaviours: readonly Behaviour[] = [internetGateway, address, natGateway, endpoint]
