import { platformIdKey } from '../../config/names.ts'
import type { Condition, PlannedResource } from '../cloud.ts'
import { markOf } from './existing.ts'
import { type AwsPlatform, find, resourceKey } from './platform.ts'

type StatusOf = (
  platform: AwsPlatform,
  value: (attribute: string) => string,
  abortSignal: AbortSignal,
  mark: string | undefined,
) => Promise<string | undefined>

/** What has a life cycle; everything else is there at once or not at all. */
const statuses: Readonly<Record<string, StatusOf>> = {
  async aws_db_instance({ clients }, value, abortSignal) {
    const { DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds')
    const rds = await clients.rds()
    const query = new DescribeDBInstancesCommand({ DBInstanceIdentifier: value('identifier') })
    const answer = await find('asking how the database is', () => rds.send(query, { abortSignal }))
    return answer?.DBInstances?.[0]?.DBInstanceStatus
  },
  async aws_elasticache_replication_group({ clients }, value, abortSignal) {
    const { DescribeReplicationGroupsCommand } = await import('@aws-sdk/client-elasticache')
    const elasticache = await clients.elasticache()
    const query = new DescribeReplicationGroupsCommand({ ReplicationGroupId: value('replication_group_id') })
    const answer = await find('asking how the cache is', () => elasticache.send(query, { abortSignal }))
    return answer?.ReplicationGroups?.[0]?.Status
  },
  async aws_eks_cluster({ clients }, value, abortSignal) {
    const { DescribeClusterCommand } = await import('@aws-sdk/client-eks')
    const eks = await clients.eks()
    const query = new DescribeClusterCommand({ name: value('name') })
    const answer = await find('asking how the cluster is', () => eks.send(query, { abortSignal }))
    return answer?.cluster?.status
  },
  async aws_eks_node_group({ clients }, value, abortSignal) {
    const { DescribeNodegroupCommand } = await import('@aws-sdk/client-eks')
    const eks = await clients.eks()
    const query = new DescribeNodegroupCommand({
      clusterName: value('cluster_name'),
      nodegroupName: value('node_group_name'),
    })
    const answer = await find('asking how a node group is', () => eks.send(query, { abortSignal }))
    return answer?.nodegroup?.status
  },
  async aws_eks_addon({ clients }, value, abortSignal) {
    const { DescribeAddonCommand } = await import('@aws-sdk/client-eks')
    const eks = await clients.eks()
    const query = new DescribeAddonCommand({
      clusterName: value('cluster_name'),
      addonName: value('addon_name'),
    })
    const answer = await find('asking how an addon is', () => eks.send(query, { abortSignal }))
    return answer?.addon?.status
  },
  async aws_nat_gateway({ clients, platformId }, _, abortSignal, mark = '') {
    const { DescribeNatGatewaysCommand } = await import('@aws-sdk/client-ec2')
    const ec2 = await clients.ec2()
    // Deleted and failed ones are described for an hour more; a usable one beside them is the one meant.
    const Filter = [
      { Name: `tag:${platformIdKey.aws}`, Values: [platformId] },
      { Name: `tag:${resourceKey}`, Values: [mark] },
    ]
    const query = new DescribeNatGatewaysCommand({ Filter })
    const answer = await find('asking how a NAT gateway is', () => ec2.send(query, { abortSignal }))
    const states = new Set(answer?.NatGateways?.map(({ State }) => State))
    return (['pending', 'available', 'failed'] as const).find(state => states.has(state))
  },
}

/** See Cloud.condition. */
export async function condition(
  platform: AwsPlatform,
  { type, values }: PlannedResource,
  signal: AbortSignal,
): Promise<Condition> {
  return conditionOf(await statuses[type]?.(platform, name => String(values[name]), signal, markOf(values)))
}

/**
 * From the services' own words: `creating`, `UPDATING`, `backing-up`; `CREATE_FAILED`, `incompatible-network`. Others,
 * such as `available`, `ACTIVE`, `DEGRADED` or `storage-full`, can be worked with.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html has the longest list.
 */
export function conditionOf(status: string | undefined): Condition {
  if (status === undefined) return 'ready'
  const word = status.toLowerCase().replaceAll('_', '-')
  if (/ing(-|$)/.test(word)) return 'settling'
  return /^(create-|delete-)?failed$|^incompatible-(create|network)$|^insufficient-capacity$/.test(word)
    ? 'failed'
    : 'ready'
}
