import type { CloudResource } from '../cloud.ts'
import { ownBudget } from './budget.ts'
import { nameOf, ownChecks } from './dns-global.ts'
import { ourProviders } from './federation.ts'
import { clusterArns, networkArns } from './leftovers.ts'
import { type AwsPlatform, ask, find, isOurs, taggedArns } from './platform.ts'

interface ArnKind {
  readonly pattern: RegExp
  readonly type: string
  readonly holdsData: boolean
}

// By `<service>:<resource>` of the ARN; what is not listed keeps the service's own words.
const kinds: readonly ArnKind[] = [
  { pattern: /^s3:/, type: 'aws_s3_bucket', holdsData: true },
  { pattern: /^kms:key\//, type: 'aws_kms_key', holdsData: true },
  { pattern: /^rds:db:/, type: 'aws_db_instance', holdsData: true },
  { pattern: /^rds:snapshot:/, type: 'aws_db_snapshot', holdsData: true },
  { pattern: /^rds:subgrp:/, type: 'aws_db_subnet_group', holdsData: false },
  { pattern: /^rds:pg:/, type: 'aws_db_parameter_group', holdsData: false },
  { pattern: /^ecr:repository\//, type: 'aws_ecr_repository', holdsData: true },
  { pattern: /^elasticache:replicationgroup:/, type: 'aws_elasticache_replication_group', holdsData: false },
  { pattern: /^elasticache:subnetgroup:/, type: 'aws_elasticache_subnet_group', holdsData: false },
  { pattern: /^elasticache:usergroup:/, type: 'aws_elasticache_user_group', holdsData: false },
  { pattern: /^elasticache:user:/, type: 'aws_elasticache_user', holdsData: false },
  { pattern: /^elasticache:snapshot:/, type: 'aws_elasticache_snapshot', holdsData: true },
  { pattern: /^eks:cluster\//, type: 'aws_eks_cluster', holdsData: false },
  { pattern: /^eks:nodegroup\//, type: 'aws_eks_node_group', holdsData: false },
  { pattern: /^eks:addon\//, type: 'aws_eks_addon', holdsData: false },
  { pattern: /^eks:access-entry\//, type: 'aws_eks_access_entry', holdsData: false },
  { pattern: /^eks:podidentityassociation\//, type: 'aws_eks_pod_identity_association', holdsData: false },
  { pattern: /^logs:log-group:/, type: 'aws_cloudwatch_log_group', holdsData: false },
  { pattern: /^ec2:vpc\//, type: 'aws_vpc', holdsData: false },
  { pattern: /^ec2:subnet\//, type: 'aws_subnet', holdsData: false },
  { pattern: /^ec2:internet-gateway\//, type: 'aws_internet_gateway', holdsData: false },
  { pattern: /^ec2:elastic-ip\//, type: 'aws_eip', holdsData: false },
  { pattern: /^ec2:natgateway\//, type: 'aws_nat_gateway', holdsData: false },
  { pattern: /^ec2:route-table\//, type: 'aws_route_table', holdsData: false },
  { pattern: /^ec2:vpc-endpoint\//, type: 'aws_vpc_endpoint', holdsData: false },
  { pattern: /^ec2:security-group\//, type: 'aws_security_group', holdsData: false },
  { pattern: /^ec2:launch-template\//, type: 'aws_launch_template', holdsData: false },
  { pattern: /^ec2:volume\//, type: 'aws_ebs_volume', holdsData: true },
  { pattern: /^ec2:snapshot\//, type: 'aws_ebs_snapshot', holdsData: true },
  { pattern: /^ec2:network-interface\//, type: 'aws_network_interface', holdsData: false },
  { pattern: /^ec2:instance\//, type: 'aws_instance', holdsData: false },
  { pattern: /^elasticloadbalancing:loadbalancer\/(app|net|gwy)\//, type: 'aws_lb', holdsData: false },
  { pattern: /^elasticloadbalancing:loadbalancer\//, type: 'aws_elb', holdsData: false },
  { pattern: /^elasticloadbalancing:targetgroup\//, type: 'aws_lb_target_group', holdsData: false },
  { pattern: /^secretsmanager:secret:/, type: 'aws_secretsmanager_secret', holdsData: true },
]

/** A resource as its ARN names it. */
export function resourceOfArn(arn: string): CloudResource {
  const [, , service = '', , , ...rest] = arn.split(':')
  const path = rest.join(':')
  const kind = kinds.find(({ pattern }) => pattern.test(`${service}:${path}`))
  const name =
    service === 's3' || /^ecr|^logs|^elasticloadbalancing/.test(service)
      ? path.replace(/^(repository\/|log-group:|(loadbalancer|targetgroup)\/(app\/|net\/|gwy\/)?)/, '')
      : last(path)
  return {
    type: kind?.type ?? `${service}:${path.split(/[:/]/)[0]}`,
    id: arn,
    name,
    holdsData: kind?.holdsData ?? false,
  }
}

function last(path: string): string {
  return path.split(/[:/]/).at(-1) ?? path
}

/** Everything of this platform's in the account, asked of AWS alone. The state bucket is among it. */
export async function* inventory(platform: AwsPlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  const seen = new Set<string>()
  const listed = [tagged, roles, controlPlaneLog, untagged, databaseSnapshots, healthChecks, ownBudget]
  for (const list of listed) {
    for await (const resource of list(platform, signal)) {
      if (seen.has(resource.id)) continue
      seen.add(resource.id)
      const keptBecause = reasonToKeep(platform, resource)
      yield keptBecause === undefined ? resource : { ...resource, keptBecause }
    }
  }
}

function reasonToKeep({ names }: AwsPlatform, { type, name }: CloudResource): string | undefined {
  if (type === 'aws_s3_bucket' && name === names.stateBucket) return "holds terraform's state"
  const isLast = name.startsWith(`${names.database}-final-`) || name === `${names.database}-last`
  if (type !== 'aws_db_snapshot' || !isLast) return undefined
  return 'the last snapshot of a deleted database; delete it in RDS when nobody needs it any more'
}

async function* tagged(platform: AwsPlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  for await (const arn of taggedArns(platform, undefined, signal)) {
    const found = await living(platform, arn, signal)
    if (found !== undefined) yield found
  }
}

/** The tagging API lists for a while what is deleted already; keys for the weeks of their deletion window. */
async function living(
  platform: AwsPlatform,
  arn: string,
  signal: AbortSignal,
): Promise<CloudResource | undefined> {
  const resource = resourceOfArn(arn)
  if (resource.type === 'aws_kms_key' && !(await keyLives(platform, arn, signal))) return undefined
  if (resource.type === 'aws_nat_gateway' && !(await natLives(platform, resource.name, signal)))
    return undefined
  return resource
}

async function keyLives({ clients }: AwsPlatform, arn: string, abortSignal: AbortSignal): Promise<boolean> {
  const { DescribeKeyCommand } = await import('@aws-sdk/client-kms')
  const kms = await clients.kms()
  const answer = await find('describing a key', () =>
    kms.send(new DescribeKeyCommand({ KeyId: arn }), { abortSignal }),
  )
  return answer !== undefined && answer.KeyMetadata?.KeyState !== 'PendingDeletion'
}

async function natLives({ clients }: AwsPlatform, id: string, abortSignal: AbortSignal): Promise<boolean> {
  const { DescribeNatGatewaysCommand } = await import('@aws-sdk/client-ec2')
  const ec2 = await clients.ec2()
  const answer = await find('describing a NAT gateway', () =>
    ec2.send(new DescribeNatGatewaysCommand({ NatGatewayIds: [id] }), { abortSignal }),
  )
  return (answer?.NatGateways ?? []).some(nat => nat.State !== 'deleted')
}

/** The tagging API knows nothing of IAM. */
async function* roles(platform: AwsPlatform, abortSignal: AbortSignal): AsyncIterable<CloudResource> {
  const { GetRoleCommand } = await import('@aws-sdk/client-iam')
  const iam = await platform.clients.iam()
  for (const { arn } of await ourProviders(platform, abortSignal)) {
    yield {
      type: 'aws_iam_openid_connect_provider',
      id: arn,
      name: arn.slice(arn.indexOf('/') + 1),
      holdsData: false,
    }
  }
  for (const name of Object.values(platform.names.roles)) {
    const answer = await find(`looking for role ${name}`, () =>
      iam.send(new GetRoleCommand({ RoleName: name }), { abortSignal }),
    )
    if (answer?.Role?.Arn !== undefined && isOurs(platform, answer.Role.Tags))
      yield { type: 'aws_iam_role', id: answer.Role.Arn, name, holdsData: false }
  }
}

/** EKS makes it again, untagged, when it writes one last line after the group was deleted. */
async function* controlPlaneLog(
  platform: AwsPlatform,
  abortSignal: AbortSignal,
): AsyncIterable<CloudResource> {
  const { DescribeLogGroupsCommand } = await import('@aws-sdk/client-cloudwatch-logs')
  const logs = await platform.clients.logs()
  const name = platform.names.logGroups.cluster
  const answer = await ask('listing log groups', () =>
    logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name }), { abortSignal }),
  )
  for (const group of answer.logGroups ?? [])
    if (group.logGroupName === name && group.arn !== undefined)
      yield { type: 'aws_cloudwatch_log_group', id: group.arn.replace(/:\*$/, ''), name, holdsData: false }
}

/** What nobody tagged as ours; an ARN says what it is. */
async function* untagged(platform: AwsPlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  for (const arns of [clusterArns, networkArns])
    for await (const arn of arns(platform, signal)) {
      const found = await living(platform, arn, signal)
      if (found !== undefined) yield found
    }
}

/** Also those whose tags were not copied. */
async function* databaseSnapshots(
  { clients, names }: AwsPlatform,
  abortSignal: AbortSignal,
): AsyncIterable<CloudResource> {
  const { DescribeDBSnapshotsCommand } = await import('@aws-sdk/client-rds')
  const rds = await clients.rds()
  const answer = await find('listing database snapshots', () =>
    rds.send(
      new DescribeDBSnapshotsCommand({ DBInstanceIdentifier: names.database, SnapshotType: 'manual' }),
      {
        abortSignal,
      },
    ),
  )
  for (const { DBSnapshotArn: arn } of answer?.DBSnapshots ?? [])
    if (arn !== undefined) yield resourceOfArn(arn)
}

/** Of a zone in Route 53, which the tagging API of another region than its own does not know. */
async function* healthChecks(platform: AwsPlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  for (const check of await ownChecks(platform, signal)) {
    const { Id: id = '' } = check
    yield { type: 'aws_route53_health_check', id, name: nameOf(check), holdsData: false }
  }
}
