import type { BehaviourScope } from '../../../behaviour.ts'
import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { objects, requiredText, text } from '../attributes.ts'
import { arn, ec2Id, mustExist, withTags } from '../naming.ts'
import { mustHaveSubnets, mustHaveVpc } from './vpc.ts'

const routeTable: Behaviour = {
  type: 'aws_route_table',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html, API_DeleteRouteTable.html',
  seconds: { create: 2, update: 2, delete: 2 },
  refuses: { create: [], delete: ['DependencyViolation'] },
  async create(planned, scope) {
    mustHaveVpc(scope, requiredText(planned, 'vpc_id'))
    mustHaveTargets(planned, scope)
    const id = ec2Id('rtb')
    return {
      route: [],
      propagating_vgws: [],
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'ec2', `route-table/${id}`),
      owner_id: scope.world.secrets.awsAccountId,
    }
  },
  async update(prior, planned, scope) {
    mustHaveTargets(planned, scope)
    return { ...prior, ...withTags(planned, scope) }
  },
  async remove(prior, scope) {
    const id = requiredText(prior, 'id')
    const associated = scope.world.store
      .list('aws_route_table_association')
      .some(association => association.attributes['route_table_id'] === id)
    if (associated)
      throw new CloudError(
        'DependencyViolation',
        `The routeTable '${id}' has dependencies and cannot be deleted.`,
      )
  },
}

function mustHaveTargets(planned: Attributes, scope: BehaviourScope): void {
  for (const route of objects(planned, 'route')) {
    const nat = text(route, 'nat_gateway_id')
    const gateway = text(route, 'gateway_id')
    if (nat !== undefined && nat !== '')
      mustExist(
        scope,
        'aws_nat_gateway',
        nat,
        'InvalidNatGatewayID.NotFound',
        `The natGateway ID '${nat}' does not exist`,
      )
    if (gateway?.startsWith('igw-'))
      mustExist(
        scope,
        'aws_internet_gateway',
        gateway,
        'InvalidInternetGatewayID.NotFound',
        `The internetGateway ID '${gateway}' does not exist`,
      )
  }
}

const association: Behaviour = {
  type: 'aws_route_table_association',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: ['Resource.AlreadyAssociated'], delete: [] },
  async create(planned, scope) {
    const subnetId = requiredText(planned, 'subnet_id')
    mustHaveSubnets(scope, [subnetId], 'InvalidSubnetID.NotFound')
    mustHaveTable(scope, requiredText(planned, 'route_table_id'))
    const other = scope.world.store
      .list('aws_route_table_association')
      .find(existing => existing.attributes['subnet_id'] === subnetId)
    if (other !== undefined)
      throw new CloudError(
        'Resource.AlreadyAssociated',
        `the specified association for route table ${text(planned, 'route_table_id')} conflicts with an existing association`,
      )
    return { gateway_id: '', ...planned, id: ec2Id('rtbassoc') }
  },
  async update(prior, planned, scope) {
    mustHaveTable(scope, requiredText(planned, 'route_table_id'))
    return { ...prior, ...planned }
  },
  // terraform imports it as `<subnet id>/<route table id>`.
  importId: (importId, scope) =>
    scope.world.store
      .list('aws_route_table_association')
      .find(
        existing =>
          `${existing.attributes['subnet_id']}/${existing.attributes['route_table_id']}` === importId,
      )?.id,
}

function mustHaveTable(scope: BehaviourScope, id: string): void {
  mustExist(
    scope,
    'aws_route_table',
    id,
    'InvalidRouteTableID.NotFound',
    `The routeTable ID '${id}' does not exist`,
  )
}

export const routeBehaviours: readonly Behaviour[] = [routeTable, association]
