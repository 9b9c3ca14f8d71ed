import { platformIdKey } from '../../config/names.ts'
import { type AwsPlatform, arnsWith, ask } from './platform.ts'

/*
 * What terraform never knew and nobody tagged as ours: controllers in the cluster tag what they make with the cluster,
 * and what has no tag at all still stands in our network. All as ARNs.
 */

/** What controllers made: load balancers with their groups, disks, snapshots, interfaces. */
export async function* clusterArns(platform: AwsPlatform, abortSignal: AbortSignal): AsyncIterable<string> {
  const { DescribeNetworkInterfacesCommand, DescribeSnapshotsCommand, DescribeVolumesCommand } = await import(
    '@aws-sdk/client-ec2'
  )
  const ec2 = await platform.clients.ec2()
  const { cluster } = platform.names
  const arn = ec2Arn(platform)
  const keys = [`kubernetes.io/cluster/${cluster}`, `k8s.io/cluster/${cluster}`]
  for (const Key of keys) yield* arnsWith(platform, [{ Key }], abortSignal)
  // The AWS Load Balancer Controller's, and auto mode's.
  for (const Key of ['elbv2.k8s.aws/cluster', 'eks:eks-cluster-name'])
    yield* arnsWith(platform, [{ Key, Values: [cluster] }], abortSignal)
  // The tagging API is behind by minutes; EC2 itself is not.
  const Filters = [{ Name: 'tag-key', Values: keys }]
  const volumes = await ask('listing volumes', () =>
    ec2.send(new DescribeVolumesCommand({ Filters }), { abortSignal }),
  )
  for (const { VolumeId: id } of volumes.Volumes ?? []) if (id !== undefined) yield arn('volume', id)
  const snapshots = await ask('listing snapshots', () =>
    ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'], Filters }), { abortSignal }),
  )
  for (const { SnapshotId: id } of snapshots.Snapshots ?? []) if (id !== undefined) yield arn('snapshot', id)
  // The VPC CNI's own tag.
  const cni = [{ Name: 'tag:cluster.k8s.amazonaws.com/name', Values: [cluster] }]
  const interfaces = await ask('listing network interfaces', () =>
    ec2.send(new DescribeNetworkInterfacesCommand({ Filters: cni }), { abortSignal }),
  )
  for (const { NetworkInterfaceId: id } of interfaces.NetworkInterfaces ?? [])
    if (id !== undefined) yield arn('network-interface', id)
}

/**
 * What stands in our network and costs money, tags or not, told by its interfaces: load balancers, NAT gateways,
 * machines, and the public addresses of these. Interfaces of databases and endpoints go with what they belong to.
 */
export async function* networkArns(platform: AwsPlatform, abortSignal: AbortSignal): AsyncIterable<string> {
  const { DescribeNetworkInterfacesCommand, DescribeVpcsCommand } = await import('@aws-sdk/client-ec2')
  const ec2 = await platform.clients.ec2()
  const { region, accountId } = platform.aws
  const arn = ec2Arn(platform)
  const ours = [{ Name: `tag:${platformIdKey.aws}`, Values: [platform.platformId] }]
  const vpcs = await ask('listing networks', () =>
    ec2.send(new DescribeVpcsCommand({ Filters: ours }), { abortSignal }),
  )
  const ids = (vpcs.Vpcs ?? []).flatMap(({ VpcId: id }) => (id === undefined ? [] : [id]))
  if (ids.length === 0) return
  let NextToken: string | undefined
  do {
    const page = await ask('listing network interfaces', () =>
      ec2.send(
        new DescribeNetworkInterfacesCommand({
          Filters: [{ Name: 'vpc-id', Values: ids }],
          ...(NextToken === undefined ? {} : { NextToken }),
        }),
        { abortSignal },
      ),
    )
    for (const { Description = '', Attachment, Association } of page.NetworkInterfaces ?? []) {
      // `ELB app/NAME/ID`, `ELB net/NAME/ID`, and `ELB NAME` of the first generation: as in their ARNs.
      const balancer = /^ELB (\S+)$/.exec(Description)?.[1]
      if (balancer !== undefined)
        yield `arn:aws:elasticloadbalancing:${region}:${accountId}:loadbalancer/${balancer}`
      const nat = /^Interface for NAT Gateway (nat-\w+)$/.exec(Description)?.[1]
      if (nat !== undefined) yield arn('natgateway', nat)
      if (Attachment?.InstanceId !== undefined && Attachment.InstanceOwnerId === accountId)
        yield arn('instance', Attachment.InstanceId)
      if (Association?.AllocationId !== undefined && Association.IpOwnerId === accountId)
        yield arn('elastic-ip', Association.AllocationId)
    }
    NextToken = page.NextToken
  } while (NextToken !== undefined && NextToken !== '')
}

function ec2Arn({ aws }: AwsPlatform): (kind: string, id: string) => string {
  return (kind, id) => `arn:aws:ec2:${aws.region}:${aws.accountId}:${kind}/${id}`
}
