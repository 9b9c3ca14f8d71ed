import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import { pipelinePolicies } from '../../src/clouds/aws/pipeline-policy.ts'
import { awsPlatform } from '../../src/clouds/aws/platform.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { createPlatform as gcpPlatform } from '../../src/clouds/gcp/platform.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { awsNames, azureNames, gcpNames, platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import { readinessPhase } from '../../src/phases/8-readiness/index.ts'
import { testContext } from '../../test/support/context.ts'
import { startControlPlane, type TestControlPlane } from '../../test/support/control-plane.ts'
import { logEventsOf } from '../src/clouds/aws/api/audit-log.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { roleMay } from '../src/clouds/aws/permissions.ts'
import { issueToken } from '../src/clouds/azure/tokens.ts'
import type { World } from '../src/world.ts'
import { awsTestConfig } from './aws-config.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { type AzureFixture, azureTestConfig, startAzure } from './azure-fixtures.ts'
import { type GcpHarness, startGcpHarness } from './gcp-fixture.ts'
import type { Harness } from './terraform-harness.ts'

// A real API server writes down what mlp's own check asks of it, and mlp's adapters look for it in the clouds' log
// services as the sandbox answers for them.
const { signal } = new AbortController()
let plane: TestControlPlane
beforeAll(async () => {
  plane = await startControlPlane()
  await plane.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ml-platform' } })
}, 240_000)
afterAll(() => plane?.stop())

/** The cluster of that name is the test's own; its log arrives from then on. */
function connect(world: World, key: string, from = 0): void {
  Object.assign(world.clusters, {
    auditEvents: async (asked: string, query: Parameters<TestControlPlane['auditEvents']>[0]) =>
      asked === key && Date.now() >= from ? await plane.auditEvents(query) : [],
  })
}

async function verified(cloud: Cloud, config: Config, user: 'admin' | 'nobody' = 'admin') {
  const itsCluster: Cloud = {
    ...cloud,
    cluster: async () => plane.access,
    token: async () => plane.token({ user }),
  }
  const context = testContext({
    config,
    clouds: new Map([[cloud.name, itsCluster]]),
    mlpVersion: '1.2.3',
  })
  const check = readinessPhase
    .checks(config, context.clouds)
    .find(({ id }) => id === `8.${cloud.name}.audit-log`)
  if (check === undefined) throw new Error('phase 8 has no check of the audit log')
  return await check.run(context)
}

const told = (kept: string) => ({
  status: 'pass',
  detail: expect.stringMatching(
    new RegExp(
      `kept ${kept}: at \\d{4}-.+Z admin did patch configmaps ml-platform/mlp-audit-probe by mlp/1\\.2\\.3\\nto look: `,
    ),
  ),
  basis: { at: expect.stringMatching(/^\d{4}-.+Z$/) },
})
const red = (cloud: string, problem: string) => ({
  status: 'fail',
  detail: problem,
  remedy: [`mlp phase 1 --cloud ${cloud}`],
})
const probeIsNot = async () => {
  const answer = await plane.admin.send('GET', '/api/v1/namespaces/ml-platform/configmaps/mlp-audit-probe')
  expect(answer.status).toBe(404)
}

describe('the audit log on AWS', () => {
  const config = awsTestConfig('dev')
  const names = awsNames(config)
  const group = names.logGroups.cluster
  let harness: Harness
  const cloud = (its = config) =>
    createAwsCloud({
      config: its,
      target: aws.target(harness.world),
      caFile: undefined,
      platformId: platformId(its),
    })
  const account = () => harness.world.secrets.awsAccountId
  const putCluster = (types: readonly string[], name = names.cluster) =>
    harness.world.store.put('aws_eks_cluster', name, {
      ...{ id: name, name, version: '1.35', status: 'ACTIVE', endpoint: plane.access.endpoint },
      arn: `arn:aws:eks:us-east-1:${account()}:cluster/${name}`,
      enabled_cluster_log_types: types,
    })
  const putGroup = (days: number, name = group) =>
    harness.world.store.put('aws_cloudwatch_log_group', name, {
      ...{ id: name, name, retention_in_days: days },
      arn: `arn:aws:logs:us-east-1:${account()}:log-group:${name}`,
    })
  beforeAll(async () => {
    harness = await startAwsHarness()
    connect(harness.world, `aws/${names.cluster}`)
  })
  afterAll(() => harness?.close())
  beforeEach(() => {
    harness.world.store.delete('aws_cloudwatch_log_group', group)
    putCluster(['api', 'audit'])
    putGroup(7)
  })

  test('has the request that verify has just made, which changed nothing', async () => {
    expect(await verified(cloud(), config)).toEqual(told('for 7 days'))
    await probeIsNot()
  })

  test('that is not sent, or that has no log group, is red', async () => {
    putCluster(['api', 'scheduler'])
    const problem = `cluster ${names.cluster} does not send its log of type audit`
    expect(await verified(cloud(), config)).toEqual(red('aws', problem))
    putCluster(['audit'])
    harness.world.store.delete('aws_cloudwatch_log_group', group)
    expect(await verified(cloud(), config)).toEqual(red('aws', `there is no log group ${group}`))
  })

  test('of another cluster, or of another object, is not taken for it', async () => {
    await verified(cloud(), config)
    const log = cloud().auditLog()
    const probe = { resource: 'configmaps', namespace: 'ml-platform', name: 'mlp-audit-probe' } as const
    const hourAgo = new Date(Date.now() - 3_600_000)
    expect(await log.newest(probe, hourAgo, signal)).toMatchObject({ by: 'admin', verb: 'patch' })
    expect(await log.newest({ ...probe, name: 'another' }, hourAgo, signal)).toBeUndefined()
    expect(await log.newest({ ...probe, namespace: 'ml-serving' }, hourAgo, signal)).toBeUndefined()
    const tricky = log.newest({ ...probe, name: 'a") || ($.x = "' }, hourAgo, signal)
    await expect(tricky).rejects.toMatchObject({
      code: 'MLP3006',
      detail: expect.stringContaining('InvalidParameterException'),
    })
    expect(await log.newest(probe, new Date(Date.now() + 60_000), signal)).toBeUndefined()
  })

  test('is looked through by who may make no request, who finds an earlier one or warns', async () => {
    expect(await verified(cloud(), config, 'nobody')).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('this identity may not create configmaps in ml-platform'),
      remedy: [expect.stringContaining('mlp verify 8 --wait 15m'), expect.stringContaining('aws logs tail')],
    })
    await verified(cloud(), config)
    expect(await verified(cloud(), config, 'nobody')).toMatchObject({ status: 'pass' })
  })

  test('that is kept too shortly for prod is a warning', async () => {
    const prod = awsTestConfig('prod')
    const its = awsNames(prod)
    connect(harness.world, `aws/${its.cluster}`)
    putCluster(['audit'], its.cluster)
    putGroup(30, its.logGroups.cluster)
    expect(await verified(cloud(prod), prod)).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('in prod 90 days or more are to be kept'),
    })
    putGroup(365, its.logGroups.cluster)
    expect(await verified(cloud(prod), prod)).toEqual(told('for 365 days'))
    connect(harness.world, `aws/${names.cluster}`)
  })

  test('is what the pipeline may read, and no other log', () => {
    const { world } = harness
    const { aws: its } = awsPlatform({
      config,
      target: aws.target(world),
      caFile: undefined,
      platformId: platformId(config),
    })
    const policy = JSON.stringify(pipelinePolicies(its, names)['read'])
    world.store.put('aws_iam_role_policy', 'reader', { role: 'reader', policy })
    const may = (logGroupName: string) =>
      roleMay(
        world,
        'reader',
        'logs:FilterLogEvents',
        logEventsOf({ logGroupName }, { world, region: its.region }),
      )
    expect([may(group), may('/aws/lambda/other')]).toEqual([true, false])
  })
})

describe('the audit log on Google Cloud', () => {
  const base = defaultSandboxConfig('dev')
  const { aws: _, azure: __, ...clouds } = base.clouds
  const config: Config = { ...base, clouds }
  const { cluster } = gcpNames(config)
  let harness: GcpHarness
  let cloud: Cloud
  const options = () => ({
    config,
    target: harness.target,
    caFile: undefined,
    platformId: platformId(config),
  })
  beforeAll(async () => {
    harness = await startGcpHarness()
    connect(harness.world, `gcp/${cluster}`)
    cloud = createGcpCloud(options())
    const id = `projects/${harness.project}/locations/${cloud.region}/clusters/${cluster}`
    harness.world.store.put('google_container_cluster', id, { id, name: cluster, location: cloud.region })
  })
  afterAll(() => harness?.close())

  test('has the request that verify has just made', async () => {
    expect(await verified(cloud, config)).toEqual(told('for 400 days'))
    await probeIsNot()
  })

  test('refuses a filter of another form', async () => {
    const { rest } = gcpPlatform(options())
    const body = { resourceNames: [`projects/${harness.project}`], filter: 'severity>=ERROR' }
    const asked = rest.text(
      { method: 'POST', service: 'logging', path: '/v2/entries:list', body },
      [400],
      signal,
    )
    expect(await asked).toMatchObject({ status: 400 })
  })
})

describe('the audit log on Azure', () => {
  const config = azureTestConfig()
  const names = azureNames(config)
  let fixture: AzureFixture
  const group = () =>
    `/subscriptions/${fixture.harness.world.secrets.azureSubscriptionId}/resourceGroups/${names.resourceGroup}`
  const workspace = () =>
    `${group()}/providers/Microsoft.OperationalInsights/workspaces/${names.logAnalytics}`
  const target = () => `${group()}/providers/Microsoft.ContainerService/managedClusters/${names.cluster}`
  const settingId = () => `${target()}|control-plane`
  const putSetting = (category: string, destination = 'Dedicated') =>
    fixture.harness.world.store.put('azurerm_monitor_diagnostic_setting', settingId(), {
      ...{ id: settingId(), name: 'control-plane', log_analytics_destination_type: destination },
      ...{ target_resource_id: target(), log_analytics_workspace_id: workspace() },
      enabled_log: [{ category }],
    })
  const putWorkspace = () =>
    fixture.harness.world.store.put('azurerm_log_analytics_workspace', workspace(), {
      ...{ id: workspace(), name: names.logAnalytics, resource_group_name: names.resourceGroup },
      ...{ workspace_id: '11111111-2222-4333-8444-555555555555', retention_in_days: 30, sku: 'PerGB2018' },
    })
  const problem = `no diagnostic setting of cluster ${names.cluster} sends kube-audit-admin to table AKSAuditAdmin of workspace ${names.logAnalytics}`
  beforeAll(async () => {
    fixture = await startAzure()
    connect(fixture.harness.world, `azure/${names.cluster}`)
  })
  afterAll(() => fixture?.[Symbol.asyncDispose]())
  beforeEach(() => {
    putWorkspace()
    putSetting('kube-audit-admin')
  })

  test('has the request that verify has just made', async () => {
    expect(await verified(fixture.cloud(config), config)).toEqual(told('for 30 days'))
    await probeIsNot()
  })

  test('is waited for, since it comes late', async () => {
    connect(fixture.harness.world, `azure/${names.cluster}`, Date.now() + 1_500)
    expect(await verified(fixture.cloud(config), config)).toEqual(told('for 30 days'))
  })

  test('that says nothing is a warning, which says how to wait longer', async () => {
    connect(fixture.harness.world, 'azure/another')
    expect(await verified(fixture.cloud(config), config)).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('the request that was just made has not arrived there'),
      remedy: [expect.stringContaining('mlp verify 8 --wait 15m'), expect.stringContaining('AKSAuditAdmin')],
    })
    connect(fixture.harness.world, `azure/${names.cluster}`)
  })

  test('that is not sent, or not to a table of its own, or nowhere, is red', async () => {
    const { store } = fixture.harness.world
    putSetting('guard')
    expect(await verified(fixture.cloud(config), config)).toEqual(red('azure', problem))
    putSetting('kube-audit-admin', '')
    expect(await verified(fixture.cloud(config), config)).toEqual(red('azure', problem))
    store.delete('azurerm_monitor_diagnostic_setting', settingId())
    expect(await verified(fixture.cloud(config), config)).toEqual(red('azure', problem))
    store.delete('azurerm_log_analytics_workspace', workspace())
    expect(await verified(fixture.cloud(config), config)).toEqual(
      red('azure', `there is no workspace ${names.logAnalytics}`),
    )
  })

  test('is for who may read the workspace, and refuses what it does not understand', async () => {
    const { world } = fixture.harness
    const ask = async (token: string, query: string) =>
      await fetch(`${world.endpoints.azure}/v1/workspaces/11111111-2222-4333-8444-555555555555/query`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
    const audience = 'https://api.loganalytics.io'
    const stranger = { objectId: '99999999-2222-4333-8444-555555555555', clientId: 'x' }
    expect((await ask(issueToken(world, 'https://management.azure.com').token, 'AKSAudit')).status).toBe(401)
    expect((await ask(issueToken(world, audience, stranger).token, 'AKSAudit')).status).toBe(403)
    expect((await ask(issueToken(world, audience).token, 'AKSAudit')).status).toBe(400)
  })
})
