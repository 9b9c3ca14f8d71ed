import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import type { Cloud, Quota, QuotaNeed } from '../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { awsNames, azureNames, gcpNames, platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import { infrastructurePhase } from '../../src/phases/1-infrastructure/index.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { setQuotas } from '../src/quotas.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { azureTestConfig, startAzure } from './azure-fixtures.ts'
import { startGcpHarness } from './gcp-fixture.ts'

const signal = AbortSignal.timeout(120_000)
const needs = (config: Config, cloud: 'aws' | 'gcp' | 'azure'): readonly QuotaNeed[] =>
  infrastructurePhase.quotaNeeds?.(config, cloud) ?? []
/** `name: needed/wanted, used of limit` */
const shown = (quotas: readonly Quota[]) =>
  quotas.map(({ name, needed, wanted, used, limit }) => `${name}: ${needed}/${wanted}, ${used} of ${limit}`)
const withGpu = (config: Config): Config => {
  const { aws: amazon, gcp: google } = config.clouds
  if (amazon === undefined || google === undefined) throw new Error('three clouds are needed')
  return {
    ...config,
    clouds: {
      ...config.clouds,
      aws: { ...amazon, gpuNodes: { min: 1, max: 2, type: 'g6.xlarge', spot: true } },
      gcp: { ...google, gpuNodes: { min: 1, max: 2, type: 'g2-standard-24', spot: true } },
    },
  }
}

describe('AWS', () => {
  let harness: Awaited<ReturnType<typeof startAwsHarness>>
  const cloudFor = (config: Config): Cloud =>
    createAwsCloud({
      config,
      target: aws.target(harness.world),
      caFile: undefined,
      platformId: platformId(config),
    })
  beforeAll(async () => {
    harness = await startAwsHarness()
  })
  afterAll(() => harness?.close())

  test('an empty account: one NAT gateway in dev, one a zone in prod; spot GPUs count apart', async () => {
    const dev = defaultSandboxConfig('dev')
    expect(shown(await cloudFor(dev).quotas(needs(dev, 'aws'), signal))).toEqual([
      'VPCs per Region: 1/1, 0 of 5',
      'EC2-VPC Elastic IPs: 1/1, 0 of 5',
      'NAT gateways per Availability Zone: 1/1, 0 of 5',
      'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances: 4/20, 0 of 1024',
    ])
    const prod = withGpu(defaultSandboxConfig('prod'))
    expect(shown(await cloudFor(prod).quotas(needs(prod, 'aws'), signal))).toEqual([
      'VPCs per Region: 1/1, 0 of 5',
      'EC2-VPC Elastic IPs: 3/3, 0 of 5',
      'NAT gateways per Availability Zone: 1/1, 0 of 5',
      'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances: 12/120, 0 of 1024',
      'All G and VT Spot Instance Requests: 4/8, 0 of 64',
    ])
  })

  test('what others take is counted, what is ours is not counted twice', async () => {
    const config = defaultSandboxConfig('dev')
    const { store } = harness.world
    const ours = { 'mlp.dev/platform-id': platformId(config) }
    store.put('aws_vpc', 'vpc-1', { id: 'vpc-1', tags_all: ours })
    store.put('aws_vpc', 'vpc-2', { id: 'vpc-2', tags_all: {} })
    store.put('aws_eip', 'eipalloc-1', { id: 'eipalloc-1', tags_all: ours })
    store.put('aws_eip', 'eipalloc-2', { id: 'eipalloc-2', tags_all: {} })
    for (const [id, zone] of [
      ['subnet-1', 'us-east-1a'],
      ['subnet-2', 'us-east-1b'],
    ] as const) {
      store.put('aws_subnet', id, { id, vpc_id: 'vpc-2', availability_zone: zone, tags_all: {} })
      store.put('aws_nat_gateway', `nat-${id}`, { id: `nat-${id}`, subnet_id: id, tags_all: {} })
    }
    const group = (cluster: string, desired: number) =>
      store.put('aws_eks_node_group', `${cluster}:general`, {
        cluster_name: cluster,
        node_group_name: 'general',
        instance_types: ['m6i.large'],
        scaling_config: [{ desired_size: desired }],
      })
    group(awsNames(config).cluster, 5)
    group('another', 3)
    setQuotas(store, { 'aws/vpc/L-F678F1CE': 2 })
    expect(shown(await cloudFor(config).quotas(needs(config, 'aws'), signal))).toEqual([
      'VPCs per Region: 1/1, 1 of 2',
      'EC2-VPC Elastic IPs: 1/1, 1 of 5',
      // Of the zones, only the first gets a gateway of ours.
      'NAT gateways per Availability Zone: 1/1, 1 of 5',
      'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances: 4/20, 6 of 1024',
    ])
  })

  test('a type that AWS has not is said so', async () => {
    const config = defaultSandboxConfig('dev')
    const nodes = { kind: 'nodes', pool: 'general', type: 'm99.large', spot: false, min: 1, max: 1 } as const
    await expect(cloudFor(config).quotas([nodes], signal)).rejects.toMatchObject({
      code: 'MLP3012',
      message: 'AWS has no instance type m99.large in us-east-1',
    })
  })
})

describe('Google Cloud', () => {
  let harness: Awaited<ReturnType<typeof startGcpHarness>>
  const cloudFor = (config: Config): Cloud =>
    createGcpCloud({
      config,
      target: harness.target,
      caFile: harness.world.caFile,
      platformId: platformId(config),
    })
  beforeAll(async () => {
    harness = await startGcpHarness()
  })
  afterAll(() => harness?.close())

  test('families with a limit of their own, disks, and GPUs of spot machines', async () => {
    const dev = defaultSandboxConfig('dev')
    expect(shown(await cloudFor(dev).quotas(needs(dev, 'gcp'), signal))).toEqual([
      'NETWORKS (all regions): 1/1, 0 of 15',
      'ROUTERS (all regions): 1/1, 0 of 20',
      'CPUS (us-central1): 4/20, 0 of 200',
      'CPUS_ALL_REGIONS (all regions): 4/20, 0 of 512',
      'SSD_TOTAL_GB (us-central1): 200/1000, 0 of 40960',
    ])
    const prod = withGpu(defaultSandboxConfig('prod'))
    expect(shown(await cloudFor(prod).quotas(needs(prod, 'gcp'), signal))).toEqual([
      'NETWORKS (all regions): 1/1, 0 of 15',
      'ROUTERS (all regions): 1/1, 0 of 20',
      'N2_CPUS (us-central1): 12/120, 0 of 200',
      'CPUS_ALL_REGIONS (all regions): 36/168, 0 of 512',
      'SSD_TOTAL_GB (us-central1): 500/3400, 0 of 40960',
      'CPUS (us-central1): 24/48, 0 of 200',
      'PREEMPTIBLE_NVIDIA_L4_GPUS (us-central1): 2/4, 0 of 8',
      'GPUS_ALL_REGIONS (all regions): 2/4, 0 of 8',
    ])
  })

  test('what others take is counted, what is ours is not counted twice', async () => {
    const config = defaultSandboxConfig('dev')
    const names = gcpNames(config)
    const { store } = harness.world
    const project = harness.project
    for (const name of [names.network, 'another']) {
      const id = `projects/${project}/global/networks/${name}`
      store.put('google_compute_network', id, { id, name, self_link: id })
    }
    const pool = (cluster: string, nodes: number) =>
      store.put('google_container_node_pool', `${cluster}/general`, {
        cluster: `projects/${project}/locations/us-central1/clusters/${cluster}`,
        node_locations: ['us-central1-a', 'us-central1-b'],
        autoscaling: [{ total_min_node_count: nodes }],
        node_config: [{ machine_type: 'e2-standard-2', disk_size_gb: 100, spot: false }],
      })
    pool(names.cluster, 4)
    pool('another', 3)
    setQuotas(store, { 'gcp/CPUS': 8 })
    expect(shown(await cloudFor(config).quotas(needs(config, 'gcp'), signal))).toEqual([
      'NETWORKS (all regions): 1/1, 1 of 15',
      'ROUTERS (all regions): 1/1, 0 of 20',
      'CPUS (us-central1): 4/20, 6 of 8',
      'CPUS_ALL_REGIONS (all regions): 4/20, 6 of 512',
      'SSD_TOTAL_GB (us-central1): 200/1000, 300 of 40960',
    ])
  })

  test('a type that the region has not is said so', async () => {
    const config = defaultSandboxConfig('dev')
    const nodes = { kind: 'nodes', pool: 'general', type: 'e9-large', spot: false, min: 1, max: 1 } as const
    await expect(cloudFor(config).quotas([nodes], signal)).rejects.toMatchObject({ code: 'MLP3012' })
  })
})

describe('Azure', () => {
  let fixture: Awaited<ReturnType<typeof startAzure>>
  beforeAll(async () => {
    fixture = await startAzure()
  })
  afterAll(async () => fixture?.[Symbol.asyncDispose]())

  test('vCPUs count for the region and for the family; spot nodes only among themselves', async () => {
    const dev = azureTestConfig()
    expect(shown(await fixture.cloud(dev).quotas(needs(dev, 'azure'), signal))).toEqual([
      'Virtual Networks: 1/1, 0 of 1000',
      'NAT Gateways: 1/1, 0 of 1000',
      'Public IPv4 Addresses - Standard: 1/1, 0 of 1000',
      'Total Regional vCPUs: 4/10, 0 of 512',
      'Standard DSv5 Family vCPUs: 4/10, 0 of 256',
    ])
    const spot = azureTestConfig({ spot: true, gpu: true })
    expect(shown(await fixture.cloud(spot).quotas(needs(spot, 'azure'), signal)).slice(3)).toEqual([
      'Total Regional vCPUs: 2/2, 0 of 512',
      'Standard DSv5 Family vCPUs: 2/2, 0 of 256',
      'Total Regional Low-priority vCPUs: 2/16, 0 of 128',
    ])
  })

  test('what others take is counted, what is ours is not counted twice', async () => {
    const config = azureTestConfig()
    const names = azureNames(config)
    const { store } = fixture.harness.world
    const subscription = `/subscriptions/${config.clouds.azure?.subscriptionId}`
    const cluster = (group: string, name: string, nodes: number) => {
      const id = `${subscription}/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/${name}`
      store.put('azurerm_kubernetes_cluster', id, {
        id,
        name,
        location: 'eastus',
        node_resource_group: `${group}-nodes`,
        default_node_pool: [{ name: 'system', vm_size: 'Standard_D2s_v5', min_count: nodes }],
      })
    }
    cluster(names.resourceGroup, names.cluster, 4)
    cluster('another', 'another', 3)
    setQuotas(store, { 'azure/cores': 9 })
    expect(shown(await fixture.cloud(config).quotas(needs(config, 'azure'), signal)).slice(3)).toEqual([
      'Total Regional vCPUs: 4/10, 6 of 9',
      'Standard DSv5 Family vCPUs: 4/10, 6 of 256',
    ])
  })

  test('a size that the location has not is said so', async () => {
    const config = azureTestConfig()
    const nodes = {
      kind: 'nodes',
      pool: 'general',
      type: 'Standard_Z9',
      spot: false,
      min: 1,
      max: 1,
    } as const
    await expect(fixture.cloud(config).quotas([nodes], signal)).rejects.toMatchObject({ code: 'MLP3012' })
  })
})
