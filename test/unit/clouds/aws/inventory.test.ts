import { expect, test } from 'vitest'
import { resourceOfArn } from '../../../../src/clouds/aws/inventory.ts'

const account = 'us-east-1:123456789012'

test.each([
  ['arn:aws:s3:::ml-platform-dev-data-abc', 'aws_s3_bucket', 'ml-platform-dev-data-abc', true],
  [`arn:aws:rds:${account}:db:ml-platform-dev`, 'aws_db_instance', 'ml-platform-dev', true],
  [`arn:aws:rds:${account}:snapshot:last`, 'aws_db_snapshot', 'last', true],
  [
    `arn:aws:ecr:${account}:repository/ml-platform/data-sync`,
    'aws_ecr_repository',
    'ml-platform/data-sync',
    true,
  ],
  [`arn:aws:eks:${account}:cluster/ml-platform-dev`, 'aws_eks_cluster', 'ml-platform-dev', false],
  [`arn:aws:ec2:${account}:natgateway/nat-0a`, 'aws_nat_gateway', 'nat-0a', false],
  [`arn:aws:ec2:${account}:volume/vol-0a`, 'aws_ebs_volume', 'vol-0a', true],
  [
    `arn:aws:logs:${account}:log-group:/aws/eks/c/cluster`,
    'aws_cloudwatch_log_group',
    '/aws/eks/c/cluster',
    false,
  ],
  [`arn:aws:elasticloadbalancing:${account}:loadbalancer/net/n/50dc`, 'aws_lb', 'n/50dc', false],
  [`arn:aws:elasticloadbalancing:${account}:loadbalancer/old`, 'aws_elb', 'old', false],
  [`arn:aws:elasticloadbalancing:${account}:targetgroup/t/73e2`, 'aws_lb_target_group', 't/73e2', false],
  [`arn:aws:sqs:${account}:queue`, 'sqs:queue', 'queue', false],
])('%s', (arn, type, name, holdsData) => {
  expect(resourceOfArn(arn)).toEqual({ type, id: arn, name, holdsData })
})
