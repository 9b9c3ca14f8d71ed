import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import type { CostLine } from '../../src/clouds/cost-line.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { azureTestConfig, startAzure } from './azure-fixtures.ts'
import { startGcpHarness } from './gcp-fixture.ts'

const signal = AbortSignal.timeout(120_000)

/** `what (amount): 1.23 USD`, a rate, or why it is not known. */
const shown = (lines: readonly CostLine[]) =>
  lines.map(({ what, amount, cost }) => {
    if (cost.kind === 'monthly') return `${what} (${amount}): ${cost.amount.toFixed(2)} ${cost.currency}`
    if (cost.kind === 'by-use') return `${what}: ${cost.rate?.amount ?? 'no rate'} per ${cost.per}`
    return `${what}: ${cost.why}`
  })
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
  const pricesOf = (config: Config) =>
    createAwsCloud({
      config,
      target: aws.target(harness.world),
      caFile: undefined,
      platformId: platformId(config),
    }).prices(signal)
  beforeAll(async () => {
    harness = await startAwsHarness()
  })
  afterAll(() => harness?.close())

  test('dev: each thing by its product, surcharges and other systems left out', async () => {
    const lines = await pricesOf(defaultSandboxConfig('dev'))
    expect(shown(lines)).toEqual([
      'NAT gateways (1): 32.85 USD',
      'public addresses of the NAT gateways (1): 3.65 USD',
      'database, db.t4g.medium (1): 47.45 USD',
      'storage of the database (20 GiB): 2.30 USD',
      'secret of the database, which RDS keeps (1): 0.40 USD',
      'cache, cache.t4g.small (2): 37.38 USD',
      'key (1): 1.00 USD',
      'data through the NAT gateways: 0.045 per GB',
      'objects in the buckets: 0.023 per GB a month',
      'images in the registry: 0.1 per GB a month',
      'EKS control plane (1): 73.00 USD',
      'nodes general, m6i.large (2): 140.16 USD',
      'disks of the nodes general, gp3 (100 GiB): 8.00 USD',
      'logs of the control plane: 0.5 per GB',
    ])
    expect(lines.find(({ what }) => what === 'EKS control plane')?.cost).toMatchObject({
      source: 'AWS Price List',
      since: '2026-08-21',
    })
  })

  test('prod: a gateway a zone, two databases for one, and spot machines at what EC2 asks', async () => {
    const lines = shown(await pricesOf(withGpu(defaultSandboxConfig('prod'))))
    expect(lines).toContain('NAT gateways (3): 98.55 USD')
    expect(lines).toContain('database, db.r7g.large in two zones (1): 348.94 USD')
    expect(lines).toContain('storage of the database in two zones (100 GiB): 23.00 USD')
    expect(lines).toContain('cache, cache.r7g.large (3): 383.69 USD')
    // 40 % of the regular price, in the dearest of six zones.
    expect(lines).toContain('nodes gpu, g6.xlarge, spot (1): 258.50 USD')
  })

  test('a type that the list does not name is not free', async () => {
    const config = defaultSandboxConfig('dev')
    const { aws: amazon } = config.clouds
    if (amazon === undefined) throw new Error('the default has AWS')
    const odd = { ...amazon, nodes: { ...amazon.nodes, type: 'x9.huge' } }
    const lines = shown(await pricesOf({ ...config, clouds: { aws: odd } }))
    expect(lines).toContain('nodes general, x9.huge: the price list does not name it')
  })
})

describe('Google Cloud', () => {
  let harness: Awaited<ReturnType<typeof startGcpHarness>>
  const pricesOf = (config: Config) =>
    createGcpCloud({
      config,
      target: harness.target,
      caFile: harness.world.caFile,
      platformId: platformId(config),
    }).prices(signal)
  beforeAll(async () => {
    harness = await startGcpHarness()
  })
  afterAll(() => harness?.close())

  test('dev: machines by vCPU and memory, the gateway by the machines behind it', async () => {
    const lines = await pricesOf(defaultSandboxConfig('dev'))
    expect(shown(lines)).toEqual([
      'NAT gateway for 2 machines (1): 2.04 USD',
      'public address of the NAT gateway (1): 3.65 USD',
      'database, db-custom-1-3840 (1): 49.31 USD',
      'storage of the database (20 GiB): 3.40 USD',
      'cache, redis-shared-core-nano (1): 23.21 USD',
      'keys, one version each; every 90 days one more (3): 0.18 USD',
      'data through the NAT gateway: 0.045 per GiB',
      'objects in the buckets: 0.02 per GiB a month',
      'images in the registry: 0.1 per GiB a month',
      'flow logs of the network: 0.5 per GiB',
      'GKE control plane (1): 73.00 USD',
      'nodes general, e2-standard-2 (2): 97.84 USD',
      'disks of the nodes general, pd-balanced (200 GiB): 20.00 USD',
    ])
    expect(lines.find(({ what }) => what === 'GKE control plane')?.cost).toMatchObject({
      source: 'Google Cloud Billing Catalog',
      since: '2026-08-21',
    })
  })

  test('prod: a regional database, a cache of shards, spot machines with their GPUs', async () => {
    const lines = shown(await pricesOf(withGpu(defaultSandboxConfig('prod'))))
    expect(lines).toContain('database, db-custom-4-15360 in two zones (1): 394.49 USD')
    expect(lines).toContain('cache, redis-highmem-medium (6): 842.27 USD')
    expect(lines).toContain('nodes general, n2-standard-4 (3): 425.38 USD')
    expect(lines).toContain('nodes gpu, g2-standard-24, spot (1): 518.75 USD')
  })
})

describe('Azure', () => {
  let fixture: Awaited<ReturnType<typeof startAzure>>
  const pricesOf = (config: Config) => fixture.cloud(config).prices(signal)
  beforeAll(async () => {
    fixture = await startAzure()
  })
  afterAll(async () => fixture?.[Symbol.asyncDispose]())

  test('dev: no fee for the free control plane, nodes with the disks that AKS gives them', async () => {
    const lines = await pricesOf(azureTestConfig())
    expect(shown(lines)).toEqual([
      'NAT gateway (1): 32.85 USD',
      'public address of the NAT gateway (1): 3.65 USD',
      'database, B_Standard_B1ms (1): 12.41 USD',
      'storage of the database (32 GiB): 3.68 USD',
      'cache, Balanced_B0 (1): 11.68 USD',
      'registry, Basic (1): 5.07 USD',
      'private endpoint of the storage account (1): 7.30 USD',
      'private endpoint of the cache (1): 7.30 USD',
      'private DNS zones (3): 1.50 USD',
      'objects in the storage account (LRS): 0.0208 per GB a month',
      'logs taken in: 2.3 per GB',
      'operations of the key vault: 0.03 per 10,000 operations',
      'data through the NAT gateway: 0.045 per GB',
      'nodes system, Standard_D2s_v5 (2): 140.16 USD',
      'disks of the nodes system, P10 (2): 39.42 USD',
    ])
    expect(lines[0]?.cost).toMatchObject({ source: 'Azure Retail Prices', since: '2026-08-21' })
  })

  test('spot: regular nodes stay regular, and an empty pool has a price for later', async () => {
    const priced = await pricesOf(azureTestConfig({ spot: true, gpu: true }))
    const gpu = priced.find(({ what }) => what.startsWith('nodes gpu'))
    expect(gpu?.cost).toMatchObject({ kind: 'monthly', amount: 0, most: expect.closeTo(2 * 0.1052 * 730) })
    const lines = shown(priced)
    expect(lines).toContain('nodes system, Standard_D2s_v5 (1): 70.08 USD')
    expect(lines).toContain('nodes general, Standard_D2s_v5, spot (1): 14.02 USD')
    expect(lines).toContain('nodes gpu, Standard_NC4as_T4_v3, spot (0): 0.00 USD')
  })

  test.each([
    ['dev', 'database, GP_S_Gen5_1, which pauses when it is idle: 0.5218 per hour of a vCore'],
    ['prod', 'database, GP_Gen5_4, zone redundant (1): 1002.44 USD'],
  ] as const)('Azure SQL in %s', async (environment, line) => {
    const lines = shown(await pricesOf(azureTestConfig({ environment, engine: 'azure-sql' })))
    expect(lines).toContain(line)
    expect(lines).toContain('private endpoint of the database (1): 7.30 USD')
  })

  test('prod: the control plane, the standby and the HSM key', async () => {
    const lines = shown(await pricesOf(azureTestConfig({ environment: 'prod' })))
    expect(lines).toContain('AKS control plane, tier Standard (1): 73.00 USD')
    expect(lines).toContain('database, GP_Standard_D4ds_v5 in two zones (2): 519.76 USD')
    expect(lines).toContain('HSM key of the cluster (1): 5.00 USD')
  })
})
