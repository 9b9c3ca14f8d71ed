import type { JsonObject } from '../../engine/json.ts'
import type { PlannedResource } from '../cloud.ts'
import { hasOwnBudget } from './budget.ts'
import { findNetwork, isNetworkType } from './existing-network.ts'
import { providerArn, providerTags } from './federation.ts'
import { type AwsPlatform, ask, find, isOurArn, isOurs, resourceKey, taggedArns } from './platform.ts'

/**
 * Creating these again is harmless: their APIs put a document over what is there, attach what is attached already, or
 * (the default security group) adopt what the VPC brought.
 */
export const idempotentTypes: ReadonlySet<string> = new Set([
  'aws_default_security_group',
  'aws_ecr_lifecycle_policy',
  'aws_eks_access_policy_association',
  'aws_iam_role_policy',
  'aws_iam_role_policy_attachment',
  'aws_s3_bucket_lifecycle_configuration',
  'aws_s3_bucket_logging',
  'aws_s3_bucket_ownership_controls',
  'aws_s3_bucket_policy',
  'aws_s3_bucket_public_access_block',
  'aws_s3_bucket_server_side_encryption_configuration',
  'aws_s3_bucket_versioning',
])

interface Found {
  readonly importId: string
  /** Whose tags decide whether it is ours; true where the answer itself said so. */
  readonly owner: string | true | undefined
}
type Lookup = (
  platform: AwsPlatform,
  value: (key: string) => string,
  signal: AbortSignal,
) => Promise<Found | undefined>

const lookups: Readonly<Record<string, Lookup>> = {
  aws_kms_alias: async ({ clients }, value, abortSignal) => {
    const { DescribeKeyCommand } = await import('@aws-sdk/client-kms')
    const kms = await clients.kms()
    const answer = await find('looking for a KMS alias', () =>
      kms.send(new DescribeKeyCommand({ KeyId: value('name') }), { abortSignal }),
    )
    return answer && { importId: value('name'), owner: answer.KeyMetadata?.Arn }
  },
  aws_iam_role: async (platform, value, abortSignal) => {
    const { GetRoleCommand } = await import('@aws-sdk/client-iam')
    const iam = await platform.clients.iam()
    const answer = await find('looking for a role', () =>
      iam.send(new GetRoleCommand({ RoleName: value('name') }), { abortSignal }),
    )
    return answer && isOurs(platform, answer.Role?.Tags)
      ? { importId: value('name'), owner: true }
      : undefined
  },
  aws_iam_openid_connect_provider: async (platform, value, abortSignal) => {
    const arn = providerArn(platform, value('url'))
    return isOurs(platform, await providerTags(platform, arn, abortSignal))
      ? { importId: arn, owner: true }
      : undefined
  },
  aws_budgets_budget: async (platform, value, signal) =>
    (await hasOwnBudget(platform, signal))
      ? { importId: `${platform.aws.accountId}:${value('name')}`, owner: true }
      : undefined,
  aws_db_subnet_group: async ({ clients }, value, abortSignal) => {
    const { DescribeDBSubnetGroupsCommand } = await import('@aws-sdk/client-rds')
    const rds = await clients.rds()
    const answer = await find('looking for a database subnet group', () =>
      rds.send(new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: value('name') }), { abortSignal }),
    )
    return answer && { importId: value('name'), owner: answer.DBSubnetGroups?.[0]?.DBSubnetGroupArn }
  },
  aws_db_parameter_group: async ({ clients }, value, abortSignal) => {
    const { DescribeDBParameterGroupsCommand } = await import('@aws-sdk/client-rds')
    const rds = await clients.rds()
    const answer = await find('looking for a database parameter group', () =>
      rds.send(new DescribeDBParameterGroupsCommand({ DBParameterGroupName: value('name') }), {
        abortSignal,
      }),
    )
    return answer && { importId: value('name'), owner: answer.DBParameterGroups?.[0]?.DBParameterGroupArn }
  },
  aws_db_instance: async ({ clients }, value, abortSignal) => {
    const { DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds')
    const rds = await clients.rds()
    const answer = await find('looking for the database', () =>
      rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: value('identifier') }), {
        abortSignal,
      }),
    )
    return answer && { importId: value('identifier'), owner: answer.DBInstances?.[0]?.DBInstanceArn }
  },
  aws_s3_bucket: async (platform, value, abortSignal) => {
    const { GetBucketTaggingCommand } = await import('./s3.ts')
    const s3 = await platform.clients.s3()
    const answer = await find('looking for a bucket', () =>
      s3.send(new GetBucketTaggingCommand({ Bucket: value('bucket') }), { abortSignal }),
    )
    return isOurs(platform, answer?.TagSet) ? { importId: value('bucket'), owner: true } : undefined
  },
  aws_elasticache_subnet_group: async ({ clients }, value, abortSignal) => {
    const { DescribeCacheSubnetGroupsCommand } = await import('@aws-sdk/client-elasticache')
    const elasticache = await clients.elasticache()
    const answer = await find('looking for a cache subnet group', () =>
      elasticache.send(new DescribeCacheSubnetGroupsCommand({ CacheSubnetGroupName: value('name') }), {
        abortSignal,
      }),
    )
    return answer && { importId: value('name'), owner: answer.CacheSubnetGroups?.[0]?.ARN }
  },
  aws_elasticache_user: async ({ clients }, value, abortSignal) => {
    const { DescribeUsersCommand } = await import('@aws-sdk/client-elasticache')
    const elasticache = await clients.elasticache()
    const answer = await find('looking for a cache user', () =>
      elasticache.send(new DescribeUsersCommand({ UserId: value('user_id') }), { abortSignal }),
    )
    return answer && { importId: value('user_id'), owner: answer.Users?.[0]?.ARN }
  },
  aws_elasticache_user_group: async ({ clients }, value, abortSignal) => {
    const { DescribeUserGroupsCommand } = await import('@aws-sdk/client-elasticache')
    const elasticache = await clients.elasticache()
    const answer = await find('looking for a cache user group', () =>
      elasticache.send(new DescribeUserGroupsCommand({ UserGroupId: value('user_group_id') }), {
        abortSignal,
      }),
    )
    return answer && { importId: value('user_group_id'), owner: answer.UserGroups?.[0]?.ARN }
  },
  aws_elasticache_replication_group: async ({ clients }, value, abortSignal) => {
    const { DescribeReplicationGroupsCommand } = await import('@aws-sdk/client-elasticache')
    const elasticache = await clients.elasticache()
    const id = value('replication_group_id')
    const answer = await find('looking for the cache', () =>
      elasticache.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }), { abortSignal }),
    )
    return answer && { importId: id, owner: answer.ReplicationGroups?.[0]?.ARN }
  },
  aws_ecr_repository: async ({ clients }, value, abortSignal) => {
    const { DescribeRepositoriesCommand } = await import('@aws-sdk/client-ecr')
    const ecr = await clients.ecr()
    const answer = await find('looking for a repository', () =>
      ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [value('name')] }), { abortSignal }),
    )
    return answer && { importId: value('name'), owner: answer.repositories?.[0]?.repositoryArn }
  },
  aws_cloudwatch_log_group: async ({ clients }, value, abortSignal) => {
    const { DescribeLogGroupsCommand } = await import('@aws-sdk/client-cloudwatch-logs')
    const logs = await clients.logs()
    const answer = await ask('looking for a log group', () =>
      logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: value('name') }), { abortSignal }),
    )
    const group = answer.logGroups?.find(one => one.logGroupName === value('name'))
    return group && { importId: value('name'), owner: group.arn?.replace(/:\*$/, '') }
  },
  aws_eks_cluster: async (platform, value, abortSignal) => {
    const { DescribeClusterCommand } = await import('@aws-sdk/client-eks')
    const eks = await platform.clients.eks()
    const answer = await find('looking for the cluster', () =>
      eks.send(new DescribeClusterCommand({ name: value('name') }), { abortSignal }),
    )
    return isOurs(platform, answer?.cluster?.tags) ? { importId: value('name'), owner: true } : undefined
  },
  aws_eks_node_group: async (platform, value, abortSignal) => {
    const { DescribeNodegroupCommand } = await import('@aws-sdk/client-eks')
    const eks = await platform.clients.eks()
    const [clusterName, nodegroupName] = [value('cluster_name'), value('node_group_name')]
    const answer = await find('looking for a node group', () =>
      eks.send(new DescribeNodegroupCommand({ clusterName, nodegroupName }), { abortSignal }),
    )
    return isOurs(platform, answer?.nodegroup?.tags)
      ? { importId: `${clusterName}:${nodegroupName}`, owner: true }
      : undefined
  },
  aws_eks_addon: async (platform, value, abortSignal) => {
    const { DescribeAddonCommand } = await import('@aws-sdk/client-eks')
    const eks = await platform.clients.eks()
    const [clusterName, addonName] = [value('cluster_name'), value('addon_name')]
    const answer = await find('looking for an addon', () =>
      eks.send(new DescribeAddonCommand({ clusterName, addonName }), { abortSignal }),
    )
    return isOurs(platform, answer?.addon?.tags)
      ? { importId: `${clusterName}:${addonName}`, owner: true }
      : undefined
  },
  aws_eks_access_entry: async (platform, value, abortSignal) => {
    const { DescribeAccessEntryCommand } = await import('@aws-sdk/client-eks')
    const eks = await platform.clients.eks()
    const [clusterName, principalArn] = [value('cluster_name'), value('principal_arn')]
    const answer = await find('looking for an access entry', () =>
      eks.send(new DescribeAccessEntryCommand({ clusterName, principalArn }), { abortSignal }),
    )
    return isOurs(platform, answer?.accessEntry?.tags)
      ? { importId: `${clusterName}:${principalArn}`, owner: true }
      : undefined
  },
  aws_eks_pod_identity_association: async ({ clients }, value, abortSignal) => {
    const { ListPodIdentityAssociationsCommand } = await import('@aws-sdk/client-eks')
    const eks = await clients.eks()
    const clusterName = value('cluster_name')
    const filter = { clusterName, namespace: value('namespace'), serviceAccount: value('service_account') }
    const answer = await find('looking for a pod identity', () =>
      eks.send(new ListPodIdentityAssociationsCommand(filter), { abortSignal }),
    )
    const association = answer?.associations?.[0]
    return association?.associationId === undefined
      ? undefined
      : { importId: `${clusterName},${association.associationId}`, owner: association.associationArn }
  },
}

/**
 * The import id of a planned resource that exists and carries our platform id. Undefined for one that is not there,
 * is somebody else's, or is harmless to create again.
 */
export async function findExisting(
  platform: AwsPlatform,
  resource: PlannedResource,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { type, values } = resource
  if (idempotentTypes.has(type)) return undefined
  const mark = markOf(values)
  if (isNetworkType(type)) return findNetwork(platform, resource, mark, signal)
  if (type === 'aws_kms_key') return findKey(platform, mark, signal)
  const lookup = lookups[type]
  if (lookup === undefined) throw new Error(`${type} cannot be looked for; add it to existing.ts`)
  const missing = new Set<string>()
  const found = await lookup(
    platform,
    key => {
      const value = values[key]
      if (typeof value !== 'string') missing.add(key)
      return typeof value === 'string' ? value : ''
    },
    signal,
  )
  // A name that is not known yet cannot have been used before.
  if (found === undefined || missing.size > 0) return undefined
  const ours = found.owner === true || (await isOurArn(platform, found.owner, signal))
  return ours ? found.importId : undefined
}

/** Which of the platform's things the plan's tags say it is. */
export function markOf(values: JsonObject): string | undefined {
  const tags = values['tags']
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return undefined
  const mark = Object.entries(tags).find(([key]) => key === resourceKey)?.[1]
  return typeof mark === 'string' ? mark : undefined
}

/** A key that waits for its deletion is as good as gone. */
async function findKey(
  platform: AwsPlatform,
  mark: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (mark === undefined) return undefined
  const { DescribeKeyCommand } = await import('@aws-sdk/client-kms')
  const kms = await platform.clients.kms()
  for await (const arn of taggedArns(platform, mark, signal)) {
    const answer = await find('describing a key', () =>
      kms.send(new DescribeKeyCommand({ KeyId: arn }), { abortSignal: signal }),
    )
    if (answer?.KeyMetadata?.KeyState === 'Enabled') return answer.KeyMetadata.KeyId
  }
  return undefined
}
