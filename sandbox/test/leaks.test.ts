import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { awsNames, azureNames, gcpNames, platformId } from '../../src/config/names.ts'
import { sweep } from '../../src/phases/1-infrastructure/sweep.ts'
import { aws } from '../src/clouds/aws/index.ts'
import type { Attributes } from '../src/store/resource-store.ts'
import { awsTestConfig } from './aws-config.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { type AzureFixture, azureTestConfig, startAzure } from './azure-fixtures.ts'
import { type GcpHarness, startGcpHarness } from './gcp-fixture.ts'
import { type Harness, testSecrets } from './terraform-harness.ts'

/*
 * A teardown's proof against leaks that are planted by hand, past terraform and mlp's state: one of each type that a
 * cloud bills, some with no tag at all. What is somebody else's is left out of it.
 */

const signal = AbortSignal.timeout(600_000)
type Planted = readonly [type: string, id: string, attributes: Attributes]

async function swept(cloud: Cloud) {
  const { left, kept } = await sweep(new Map([[cloud.name, cloud]]), {
    destroyData: true,
    withCosts: true,
    signal,
  })
  return { left, kept, found: [...left, ...kept].map(({ type, name }) => `${type} ${name}`).toSorted() }
}

describe('on AWS', () => {
  const config = awsTestConfig('dev')
  const names = awsNames(config)
  const account = testSecrets.awsAccountId
  const ours = { tags_all: { 'mlp.dev/platform-id': platformId(config) } }
  const ofCluster = { tags_all: { [`kubernetes.io/cluster/${names.cluster}`]: 'owned' } }
  const others = {
    tags_all: { 'mlp.dev/platform-id': 'mlp-another', 'kubernetes.io/cluster/another': 'owned' },
  }
  const arn = (service: string, path: string) => ({ arn: `arn:aws:${service}:us-east-1:${account}:${path}` })
  const ec2 = (kind: string, id: string) => arn('ec2', `${kind}/${id}`)
  const balancer = (path: string) => arn('elasticloadbalancing', `loadbalancer/${path}`)
  let harness: Harness
  beforeAll(async () => {
    harness = await startAwsHarness()
  })
  afterAll(() => harness?.close())

  test('each is found, and what is somebody else’s is not', async () => {
    const planted: readonly Planted[] = [
      ['aws_vpc', 'vpc-01', { ...ours, ...ec2('vpc', 'vpc-01') }],
      ['aws_nat_gateway', 'nat-01', { ...ours, ...ec2('natgateway', 'nat-01') }],
      ['aws_eip', 'eipalloc-01', { ...ours, ...ec2('elastic-ip', 'eipalloc-01') }],
      ['aws_vpc_endpoint', 'vpce-01', { ...ours, ...ec2('vpc-endpoint', 'vpce-01') }],
      ['aws_instance', 'i-01', { ...ours, ...ec2('instance', 'i-01') }],
      ['aws_db_instance', 'db', { ...ours, ...arn('rds', 'db:db') }],
      ['aws_elasticache_replication_group', 'c', { ...ours, ...arn('elasticache', 'replicationgroup:c') }],
      ['aws_eks_cluster', 'k', { ...ours, ...arn('eks', 'cluster/k') }],
      ['aws_ecr_repository', 'r', { ...ours, ...arn('ecr', 'repository/r') }],
      ['aws_secretsmanager_secret', 's', { ...ours, ...arn('secretsmanager', 'secret:s') }],
      ['aws_s3_bucket', 'b', { ...ours, arn: 'arn:aws:s3:::b' }],
      ['aws_kms_key', 'key-01', { ...ours, ...arn('kms', 'key/key-01') }],
      // By controllers of the cluster, which know nothing of us.
      ['aws_ebs_volume', 'vol-01', ofCluster],
      ['aws_ebs_snapshot', 'snap-01', ofCluster],
      ['aws_lb', 'by-controller', { ...ofCluster, ...balancer('net/by-controller/50dc6c495c0c9188') }],
      ['aws_elb', 'classic', { ...ofCluster, ...balancer('classic') }],
      // By EKS itself, without tags.
      [
        'aws_cloudwatch_log_group',
        names.logGroups.cluster,
        arn('logs', `log-group:${names.logGroups.cluster}`),
      ],
      // Without a tag: only that they stand in our network gives them away.
      [
        'aws_network_interface',
        'eni-01',
        { vpc_id: 'vpc-01', description: 'ELB app/nobodys/73e2d6bc24d8a067' },
      ],
      ['aws_network_interface', 'eni-02', { vpc_id: 'vpc-01', description: 'RDSNetworkInterface' }],
      // Somebody else's.
      ['aws_vpc', 'vpc-09', { ...others, ...ec2('vpc', 'vpc-09') }],
      ['aws_lb', 'theirs', { ...others, ...balancer('net/theirs/0000000000000001') }],
      ['aws_ebs_volume', 'vol-09', others],
      [
        'aws_network_interface',
        'eni-09',
        { vpc_id: 'vpc-09', description: 'ELB app/theirs/0000000000000002' },
      ],
    ]
    for (const [type, id, attributes] of planted) harness.world.store.put(type, id, attributes)
    const cloud = createAwsCloud({
      config,
      target: aws.target(harness.world),
      caFile: undefined,
      platformId: platformId(config),
    })
    const { left, kept, found } = await swept(cloud)
    expect(found).toEqual(
      [
        'aws_vpc vpc-01',
        'aws_nat_gateway nat-01',
        'aws_eip eipalloc-01',
        'aws_vpc_endpoint vpce-01',
        'aws_instance i-01',
        'aws_db_instance db',
        'aws_elasticache_replication_group c',
        'aws_eks_cluster k',
        'aws_ecr_repository r',
        'aws_secretsmanager_secret s',
        'aws_s3_bucket b',
        'aws_kms_key key-01',
        'aws_ebs_volume vol-01',
        'aws_ebs_snapshot snap-01',
        'aws_lb by-controller/50dc6c495c0c9188',
        'aws_elb classic',
        `aws_cloudwatch_log_group ${names.logGroups.cluster}`,
        'aws_lb nobodys/73e2d6bc24d8a067',
      ].toSorted(),
    )
    expect(kept).toEqual([])
    const reasonOf = (type: string) => left.find(leftover => leftover.type === type)?.reason
    expect(reasonOf('aws_nat_gateway')).toMatch(/still there after the teardown; about 0\.\d{4} USD an hour/)
    expect(reasonOf('aws_eks_cluster')).toMatch(/about 0\.\d{4} USD an hour/)
    expect(reasonOf('aws_lb')).toContain('what it costs an hour is not known')
  })
})

describe('on Google Cloud', () => {
  const config = defaultSandboxConfig()
  const names = gcpNames(config)
  let harness: GcpHarness
  beforeAll(async () => {
    harness = await startGcpHarness()
  })
  afterAll(() => harness?.close())

  test('each is found, and what is somebody else’s is not', async () => {
    const { project } = harness
    const region = 'us-central1'
    const id = (kind: string, name: string) => `projects/${project}/regions/${region}/${kind}/${name}`
    const ofCluster = { effective_labels: { 'goog-k8s-cluster-name': names.cluster } }
    const ours = { effective_labels: { 'mlp-platform-id': platformId(config) } }
    const others = { effective_labels: { 'goog-k8s-cluster-name': 'another' } }
    const plant = (type: string, kind: string, name: string, attributes: Attributes) =>
      harness.world.store.put(type, id(kind, name), {
        ...{ name, project, region, self_link: `https://www.googleapis.com/compute/v1/${id(kind, name)}` },
        ...attributes,
      })
    const network = (name: string) => ({ network: `projects/${project}/global/networks/${name}` })
    plant('google_compute_forwarding_rule', 'forwardingRules', 'by-controller', ofCluster)
    plant('google_compute_address', 'addresses', 'by-controller', ofCluster)
    plant('google_compute_address', 'addresses', 'labelled', ours)
    plant('google_compute_forwarding_rule', 'forwardingRules', 'nobodys', network(names.base))
    plant('google_compute_forwarding_rule', 'forwardingRules', 'theirs', { ...others, ...network('theirs') })
    plant('google_compute_address', 'addresses', 'theirs', others)
    const cloud = createGcpCloud({
      config,
      target: harness.target,
      caFile: harness.world.caFile,
      platformId: platformId(config),
    })
    const { left, found } = await swept(cloud)
    expect(found).toEqual([
      'google_compute_address by-controller',
      'google_compute_address labelled',
      'google_compute_forwarding_rule by-controller',
      'google_compute_forwarding_rule nobodys',
    ])
    for (const { reason } of left) expect(reason).toContain('still there after the teardown; ')
  })
})

describe('on Azure', () => {
  const config = azureTestConfig()
  const names = azureNames(config)
  let fixture: AzureFixture
  beforeAll(async () => {
    fixture = await startAzure()
  })
  afterAll(async () => fixture?.[Symbol.asyncDispose]())

  test('each is found, and what is somebody else’s is not', async () => {
    const { store, secrets } = fixture.harness.world
    const plant = (type: string, provider: string, group: string, name: string, tags: Attributes) =>
      store.put(
        type,
        `/subscriptions/${secrets.azureSubscriptionId}/resourceGroups/${group}/providers/Microsoft.Network/${provider}/${name}`,
        { name, resource_group_name: group, location: 'eastus', tags },
      )
    const ours = { 'mlp-platform-id': platformId(config) }
    plant('azurerm_nat_gateway', 'natGateways', names.resourceGroup, 'tagged', ours)
    plant('azurerm_public_ip', 'publicIPAddresses', 'somewhere-else', 'tagged', ours)
    // Without a tag: only the group gives them away.
    plant('azurerm_public_ip', 'publicIPAddresses', names.resourceGroup, 'nobodys', {})
    plant('azurerm_public_ip', 'publicIPAddresses', names.nodeResourceGroup, 'of-a-service', {})
    plant('azurerm_public_ip', 'publicIPAddresses', 'somewhere-else', 'theirs', { owner: 'them' })
    const { left, found } = await swept(fixture.cloud(config))
    expect(found).toEqual([
      'azurerm_nat_gateway tagged',
      'azurerm_public_ip nobodys',
      'azurerm_public_ip of-a-service',
      'azurerm_public_ip tagged',
    ])
    const gateway = left.find(({ type }) => type === 'azurerm_nat_gateway')
    expect(gateway?.reason).toMatch(/about 0\.\d{4} USD an hour/)
  })
})
