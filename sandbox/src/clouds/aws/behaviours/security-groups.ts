import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import { requiredText, text, texts } from '../attributes.ts'
import { arn, ec2Id, mustExist, withTags } from '../naming.ts'
import { mustHaveVpc } from './vpc.ts'

const securityGroup: Behaviour = {
  type: 'aws_security_group',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html, API_DeleteSecurityGroup.html',
  seconds: { create: 3, update: 2, delete: 2 },
  refuses: { create: ['InvalidGroup.Duplicate'], delete: ['DependencyViolation'] },
  validate(configured) {
    const name = text(configured, 'name')
    if (name?.startsWith('sg-'))
      return [{ path: 'name', message: 'invalid value for name (cannot begin with sg-)' }]
    if (name !== undefined && name.length > 255)
      return [{ path: 'name', message: 'expected length of name to be in the range (0 - 255)' }]
    return []
  },
  async create(planned, scope) {
    const vpcId = text(planned, 'vpc_id')
    if (vpcId !== undefined) mustHaveVpc(scope, vpcId)
    const name = text(planned, 'name') ?? `terraform-${ec2Id('x').slice(2)}`
    const clash = scope.world.store
      .list('aws_security_group')
      .some(other => other.attributes['name'] === name && other.attributes['vpc_id'] === vpcId)
    if (clash)
      throw new CloudError(
        'InvalidGroup.Duplicate',
        `The security group '${name}' already exists for VPC '${vpcId}'`,
      )
    const id = ec2Id('sg')
    return {
      ingress: [],
      egress: [],
      name_prefix: '',
      ...withTags(planned, scope),
      id,
      name,
      arn: arn(scope, 'ec2', `security-group/${id}`),
      owner_id: scope.world.secrets.awsAccountId,
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const id = requiredText(prior, 'id')
    if (groupInUse(scope, id))
      throw new CloudError('DependencyViolation', `resource ${id} has a dependent object`)
  },
}

function groupInUse(scope: BehaviourScope, id: string): boolean {
  const { store } = scope.world
  const users = [
    ['aws_db_instance', 'vpc_security_group_ids'],
    ['aws_elasticache_replication_group', 'security_group_ids'],
    ['aws_vpc_endpoint', 'security_group_ids'],
    ['aws_network_interface', 'security_groups'],
  ] as const
  return users.some(([type, key]) =>
    store.list(type).some(resource => texts(resource.attributes, key).includes(id)),
  )
}

const defaultGroup: Behaviour = {
  type: 'aws_default_security_group',
  source:
    'https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs/resources/default_security_group: adopts the group AWS made, strips its rules; destroying forgets it',
  seconds: { create: 1, update: 1, delete: 0 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    const vpcId = requiredText(planned, 'vpc_id')
    const vpc = mustExist(
      scope,
      'aws_vpc',
      vpcId,
      'InvalidVpcID.NotFound',
      `The vpc ID '${vpcId}' does not exist`,
    )
    const id = requiredText(vpc.attributes, 'default_security_group_id')
    return {
      ingress: [],
      egress: [],
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'ec2', `security-group/${id}`),
      name: 'default',
      name_prefix: '',
      description: 'default VPC security group',
      owner_id: scope.world.secrets.awsAccountId,
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  // The group goes with its VPC.
  read: async (stored, scope) =>
    scope.world.store.get('aws_vpc', text(stored, 'vpc_id') ?? '') === undefined ? undefined : stored,
}

export const securityGroupBehaviours: readonly Behaviour[] = [securityGroup, defaultGroup]
