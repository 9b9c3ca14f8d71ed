import { contains, isNetworkAddress, overlap, parseRange } from '../../../addresses.ts'
import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import { requiredText, text, texts } from '../attributes.ts'
import { arn, ec2Id, mustExist, regionOf, withTags } from '../naming.ts'
import { zonesOf } from '../zones.ts'

const vpc: Behaviour = {
  type: 'aws_vpc',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html, API_DeleteVpc.html',
  seconds: { create: 12, update: 2, delete: 2 },
  refuses: { create: [], delete: ['DependencyViolation'] },
  validate: configured => cidrProblems(text(configured, 'cidr_block'), 16, 28),
  async create(planned, scope) {
    const id = ec2Id('vpc')
    const table = ec2Id('rtb')
    return {
      enable_network_address_usage_metrics: false,
      enable_dns_hostnames: false,
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'ec2', `vpc/${id}`),
      owner_id: scope.world.secrets.awsAccountId,
      default_network_acl_id: ec2Id('acl'),
      default_route_table_id: table,
      main_route_table_id: table,
      default_security_group_id: ec2Id('sg'),
      dhcp_options_id: 'dopt-0a1b2c3d4e5f60718',
      ipv6_association_id: '',
      ipv6_cidr_block: '',
      ipv6_cidr_block_network_border_group: '',
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const id = requiredText(prior, 'id')
    const inside = [
      'aws_subnet',
      'aws_internet_gateway',
      'aws_security_group',
      'aws_route_table',
      'aws_vpc_endpoint',
    ]
    const dependent = inside.some(type =>
      scope.world.store.list(type).some(resource => resource.attributes['vpc_id'] === id),
    )
    if (dependent)
      throw new CloudError('DependencyViolation', `The vpc '${id}' has dependencies and cannot be deleted.`)
  },
}

const secondaryRange: Behaviour = {
  type: 'aws_vpc_ipv4_cidr_block_association',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateVpcCidrBlock.html, API_DisassociateVpcCidrBlock.html',
  seconds: { create: 6, update: 0, delete: 3 },
  refuses: { create: ['InvalidVpc.Range'], delete: ['InvalidCidrBlock.InUse'] },
  validate: configured => cidrProblems(text(configured, 'cidr_block'), 16, 28),
  async create(planned, scope) {
    const vpcId = requiredText(planned, 'vpc_id')
    const cidr = requiredText(planned, 'cidr_block')
    mustHaveVpc(scope, vpcId)
    if (rangesOfVpc(scope, vpcId).some(range => overlap(range, cidr)))
      throw new CloudError(
        'InvalidVpc.Range',
        `The CIDR '${cidr}' conflicts with another range of the VPC '${vpcId}'.`,
      )
    return { ...planned, id: ec2Id('vpc-cidr-assoc') }
  },
  async remove(prior, scope) {
    const cidr = requiredText(prior, 'cidr_block')
    const used = scope.world.store
      .list('aws_subnet')
      .some(
        subnet =>
          subnet.attributes['vpc_id'] === prior['vpc_id'] &&
          contains(cidr, text(subnet.attributes, 'cidr_block') ?? ''),
      )
    if (used)
      throw new CloudError(
        'InvalidCidrBlock.InUse',
        `The vpc currently has a subnet within CIDR block ${cidr}, it can not be disassociated.`,
      )
  },
}

const subnet: Behaviour = {
  type: 'aws_subnet',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html, API_DeleteSubnet.html',
  seconds: { create: 3, update: 2, delete: 3 },
  refuses: { create: ['InvalidSubnet.Conflict'], delete: ['DependencyViolation'] },
  validate: configured => cidrProblems(text(configured, 'cidr_block'), 16, 28),
  async create(planned, scope) {
    const vpcId = requiredText(planned, 'vpc_id')
    const cidr = requiredText(planned, 'cidr_block')
    mustHaveVpc(scope, vpcId)
    const zone = zoneOf(text(planned, 'availability_zone'), scope)
    if (!rangesOfVpc(scope, vpcId).some(range => contains(range, cidr)))
      throw new CloudError('InvalidSubnet.Range', `The CIDR '${cidr}' is invalid.`)
    const clash = scope.world.store
      .list('aws_subnet')
      .some(
        other =>
          other.attributes['vpc_id'] === vpcId && overlap(text(other.attributes, 'cidr_block') ?? '', cidr),
      )
    if (clash)
      throw new CloudError('InvalidSubnet.Conflict', `The CIDR '${cidr}' conflicts with another subnet`)
    const id = ec2Id('subnet')
    return {
      private_dns_hostname_type_on_launch: 'ip-name',
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'ec2', `subnet/${id}`),
      owner_id: scope.world.secrets.awsAccountId,
      availability_zone: zone.name,
      availability_zone_id: zone.id,
      ipv6_cidr_block_association_id: '',
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const id = requiredText(prior, 'id')
    if (holdsInterface(scope, id))
      throw new CloudError(
        'DependencyViolation',
        `The subnet '${id}' has dependencies and cannot be deleted.`,
      )
  },
}

/** Whether something that owns a network interface lives in the subnet. */
function holdsInterface(scope: BehaviourScope, subnetId: string): boolean {
  const { store } = scope.world
  const usesDirectly = store.list('aws_nat_gateway').some(nat => nat.attributes['subnet_id'] === subnetId)
  const usesInVpcConfig = store
    .list('aws_eks_cluster')
    .some(cluster =>
      objectsOf(cluster.attributes['vpc_config']).some(config =>
        texts(config, 'subnet_ids').includes(subnetId),
      ),
    )
  const usesInList = store
    .list('aws_eks_node_group')
    .some(group => texts(group.attributes, 'subnet_ids').includes(subnetId))
  const groupsInUse = [
    ...store
      .list('aws_db_instance')
      .map(db => ['aws_db_subnet_group', text(db.attributes, 'db_subnet_group_name')]),
    ...store
      .list('aws_elasticache_replication_group')
      .map(cache => ['aws_elasticache_subnet_group', text(cache.attributes, 'subnet_group_name')]),
  ]
  const usesInGroup = groupsInUse.some(
    ([type, name]) =>
      type !== undefined &&
      name !== undefined &&
      texts(store.get(type, name)?.attributes ?? {}, 'subnet_ids').includes(subnetId),
  )
  const leftInterface = store
    .list('aws_network_interface')
    .some(networkInterface => networkInterface.attributes['subnet_id'] === subnetId)
  return usesDirectly || usesInVpcConfig || usesInList || usesInGroup || leftInterface
}

function objectsOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value : []
}

export function mustHaveVpc(scope: BehaviourScope, id: string): void {
  mustExist(scope, 'aws_vpc', id, 'InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`)
}

export function mustHaveSubnets(scope: BehaviourScope, ids: readonly string[], code: string): void {
  for (const id of ids) mustExist(scope, 'aws_subnet', id, code, `The subnet ID '${id}' does not exist`)
}

/** Every IPv4 range of a VPC, the primary one first. */
export function rangesOfVpc(scope: Pick<BehaviourScope, 'world'>, vpcId: string): readonly string[] {
  const { store } = scope.world
  const primary = text(store.get('aws_vpc', vpcId)?.attributes ?? {}, 'cidr_block')
  const secondary = store
    .list('aws_vpc_ipv4_cidr_block_association')
    .filter(association => association.attributes['vpc_id'] === vpcId)
    .map(association => text(association.attributes, 'cidr_block'))
  return [primary, ...secondary].filter(range => range !== undefined)
}

function zoneOf(name: string | undefined, scope: BehaviourScope): { name: string; id: string } {
  const zones = zonesOf(regionOf(scope))
  const zone = name === undefined ? zones[0] : zones.find(candidate => candidate.name === name)
  if (zone === undefined)
    throw new CloudError(
      'InvalidParameterValue',
      `Value (${name}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zones.map(candidate => candidate.name).join(', ')}.`,
    )
  return zone
}

function cidrProblems(cidr: string | undefined, largest: number, smallest: number) {
  if (cidr === undefined) return []
  const parsed = parseRange(cidr)
  if (parsed === undefined || !isNetworkAddress(cidr))
    return [{ path: 'cidr_block', message: `"${cidr}" is not a valid IPv4 CIDR block` }]
  if (parsed.prefix < largest || parsed.prefix > smallest)
    return [
      {
        path: 'cidr_block',
        message: `expected "cidr_block" to be between /${largest} and /${smallest}, got /${parsed.prefix}`,
      },
    ]
  return []
}

export const vpcBehaviours: readonly Behaviour[] = [vpc, secondaryRange, subnet]
