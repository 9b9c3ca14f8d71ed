import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { firstObject, flag, integer, requiredText, text, texts } from '../attributes.ts'
import { arn, mustBeFree, mustExist, regionOf, stableLetters, withTags } from '../naming.ts'
import { mustHaveSubnets } from './vpc.ts'

const subnetGroup: Behaviour = {
  type: 'aws_elasticache_subnet_group',
  source:
    'https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheSubnetGroup.html, API_DeleteCacheSubnetGroup.html',
  seconds: { create: 2, update: 1, delete: 1 },
  refuses: { create: ['CacheSubnetGroupAlreadyExists'], delete: ['CacheSubnetGroupInUse'] },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(
      scope,
      'aws_elasticache_subnet_group',
      name,
      'CacheSubnetGroupAlreadyExists',
      `Cache subnet group ${name} already exists.`,
    )
    const subnets = texts(planned, 'subnet_ids')
    mustHaveSubnets(scope, subnets, 'InvalidSubnet')
    return {
      ...withTags(planned, scope),
      id: name,
      arn: arn(scope, 'elasticache', `subnetgroup:${name}`),
      vpc_id: scope.world.store.get('aws_subnet', subnets[0] ?? '')?.attributes['vpc_id'],
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const name = requiredText(prior, 'name')
    if (groups(scope).some(group => group['subnet_group_name'] === name))
      throw new CloudError(
        'CacheSubnetGroupInUse',
        `Cache subnet group ${name} is currently in use by a cache cluster.`,
      )
  },
}

const user: Behaviour = {
  type: 'aws_elasticache_user',
  source:
    'https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUser.html; https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html: user id and name must be the same',
  seconds: { create: 20, update: 20, delete: 30 },
  refuses: { create: ['UserAlreadyExists'], delete: [] },
  validate(configured) {
    const id = text(configured, 'user_id')
    return id === undefined || /^[a-zA-Z][a-zA-Z0-9-]{0,39}$/.test(id)
      ? []
      : [
          {
            path: 'user_id',
            message: `"${id}" is not a valid user id: 1 to 40 letters, digits and hyphens, a letter first`,
          },
        ]
  },
  async create(planned, scope) {
    const id = requiredText(planned, 'user_id')
    const mode = text(firstObject(planned, 'authentication_mode'), 'type')
    mustBeFree(scope, 'aws_elasticache_user', id, 'UserAlreadyExists', `User ${id} already exists.`)
    if (mode === 'iam' && planned['user_id'] !== planned['user_name'])
      throw new CloudError(
        'InvalidParameterCombination',
        'User name must be the same as the user id when authentication mode is IAM',
      )
    if (
      planned['engine'] === 'valkey' &&
      (flag(planned, 'no_password_required') || mode === 'no-password-required')
    )
      throw new CloudError(
        'InvalidParameterCombination',
        'No password required is not supported for engine valkey',
      )
    return {
      ...withTags(planned, scope),
      authentication_mode: [
        { passwords: null, password_count: 0, ...firstObject(planned, 'authentication_mode') },
      ],
      id,
      arn: arn(scope, 'elasticache', `user:${id}`),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}

const userGroup: Behaviour = {
  type: 'aws_elasticache_user_group',
  source:
    'https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUserGroup.html; https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html',
  seconds: { create: 20, update: 20, delete: 30 },
  refuses: { create: ['UserGroupAlreadyExists'], delete: ['InvalidUserGroupState'] },
  async create(planned, scope) {
    const id = requiredText(planned, 'user_group_id')
    mustBeFree(
      scope,
      'aws_elasticache_user_group',
      id,
      'UserGroupAlreadyExists',
      `User group ${id} already exists.`,
    )
    mustHaveUsers(planned, scope)
    return { ...withTags(planned, scope), id, arn: arn(scope, 'elasticache', `usergroup:${id}`) }
  },
  async update(prior, planned, scope) {
    mustHaveUsers(planned, scope)
    return { ...prior, ...withTags(planned, scope) }
  },
  async remove(prior, scope) {
    const id = requiredText(prior, 'user_group_id')
    if (groups(scope).some(group => texts(group, 'user_group_ids').includes(id)))
      throw new CloudError(
        'InvalidUserGroupState',
        `User group ${id} is associated with a replication group.`,
      )
  },
}

function mustHaveUsers(planned: Attributes, scope: BehaviourScope): void {
  const users = texts(planned, 'user_ids').map(id =>
    mustExist(scope, 'aws_elasticache_user', id, 'UserNotFound', `User ${id} not found.`),
  )
  // Only Valkey's groups can do without the user named "default".
  const hasDefault = users.some(found => found.attributes['user_name'] === 'default')
  if (planned['engine'] !== 'valkey' && !hasDefault)
    throw new CloudError(
      'DefaultUserRequired',
      'The user group must contain a user with the user name default.',
    )
}

const replicationGroup: Behaviour = {
  type: 'aws_elasticache_replication_group',
  source:
    'https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html, API_DeleteReplicationGroup.html',
  seconds: { create: 540, update: 300, delete: 300 },
  refuses: { create: ['ReplicationGroupAlreadyExists'], delete: [] },
  validate(configured) {
    const id = text(configured, 'replication_group_id')
    const problems =
      id === undefined || /^[a-z](-?[a-z0-9]){0,39}$/.test(id)
        ? []
        : [
            {
              path: 'replication_group_id',
              message: `"${id}" is not a valid id: 1 to 40 lowercase letters, digits and single hyphens, a letter first`,
            },
          ]
    const tooFew =
      flag(configured, 'automatic_failover_enabled') && integer(configured, 'num_cache_clusters') === 1
    return tooFew
      ? [
          ...problems,
          {
            path: 'num_cache_clusters',
            message: '"num_cache_clusters": must be at least 2 if automatic_failover_enabled is true',
          },
        ]
      : problems
  },
  async create(planned, scope) {
    const id = requiredText(planned, 'replication_group_id')
    mustBeFree(
      scope,
      'aws_elasticache_replication_group',
      id,
      'ReplicationGroupAlreadyExists',
      `Replication group ${id} already exists.`,
    )
    checkReferences(planned, scope)
    const region = regionOf(scope)
    const zone = `${id}.${stableLetters(scope.world.secrets.awsAccountId, 6)}.${shortRegion(region)}.cache.amazonaws.com`
    const nodes = integer(planned, 'num_cache_clusters') ?? 1
    const version = text(planned, 'engine_version') ?? '8.0'
    return {
      auto_minor_version_upgrade: 'true',
      apply_immediately: false,
      cluster_mode: 'disabled',
      data_tiering_enabled: false,
      global_replication_group_id: '',
      ip_discovery: 'ipv4',
      network_type: 'ipv4',
      num_node_groups: 1,
      replicas_per_node_group: nodes - 1,
      parameter_group_name: `default.valkey${version.split('.')[0]}`,
      security_group_names: [],
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'elasticache', `replicationgroup:${id}`),
      cluster_enabled: false,
      configuration_endpoint_address: '',
      engine_version_actual: `${version}.1`,
      primary_endpoint_address: `master.${zone}`,
      reader_endpoint_address: `replica.${zone}`,
      member_clusters: Array.from(
        { length: nodes },
        (_, index) => `${id}-${String(index + 1).padStart(3, '0')}`,
      ),
    }
  },
  recomputedOn: {
    member_clusters: ['num_cache_clusters'],
    engine_version_actual: ['engine_version'],
    replicas_per_node_group: ['num_cache_clusters'],
  },
  async update(prior, planned, scope) {
    checkReferences(planned, scope)
    const id = requiredText(planned, 'replication_group_id')
    const nodes = integer(planned, 'num_cache_clusters') ?? 1
    return {
      ...prior,
      ...withTags(planned, scope),
      replicas_per_node_group: nodes - 1,
      engine_version_actual: `${text(planned, 'engine_version') ?? '8.0'}.1`,
      member_clusters: Array.from(
        { length: nodes },
        (_, index) => `${id}-${String(index + 1).padStart(3, '0')}`,
      ),
    }
  },
}

function checkReferences(planned: Attributes, scope: BehaviourScope): void {
  const subnets = text(planned, 'subnet_group_name')
  if (subnets !== undefined)
    mustExist(
      scope,
      'aws_elasticache_subnet_group',
      subnets,
      'CacheSubnetGroupNotFoundFault',
      `Cache Subnet Group ${subnets} does not exist.`,
    )
  for (const id of texts(planned, 'security_group_ids'))
    mustExist(
      scope,
      'aws_security_group',
      id,
      'InvalidParameterValue',
      `The security group '${id}' does not exist`,
    )
  for (const id of texts(planned, 'user_group_ids')) {
    mustExist(scope, 'aws_elasticache_user_group', id, 'UserGroupNotFound', `User group ${id} not found.`)
    if (!flag(planned, 'transit_encryption_enabled'))
      throw new CloudError(
        'InvalidParameterCombination',
        'User group based access control requires encryption-in-transit to be enabled',
      )
  }
}

/** 'us-east-1' -> 'use1', as ElastiCache's host names have it. */
function shortRegion(region: string): string {
  const [area = '', direction = '', number = ''] = region.split('-')
  return `${area}${direction.slice(0, 1)}${number}`
}

function groups(scope: BehaviourScope): readonly Attributes[] {
  return scope.world.store.list('aws_elasticache_replication_group').map(group => group.attributes)
}

export const elasticacheBehaviours: readonly Behaviour[] = [subnetGroup, user, userGroup, replicationGroup]
