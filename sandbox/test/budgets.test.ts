import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import { callJson } from '../../src/clouds/aws/json-call.ts'
import { awsPlatform } from '../../src/clouds/aws/platform.ts'
import { createPlatform as azurePlatform } from '../../src/clouds/azure/platform.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import type { CloudOptions } from '../../src/clouds/cloud-options.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { createPlatform as gcpPlatform } from '../../src/clouds/gcp/platform.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { azure } from '../src/clouds/azure/index.ts'
import { awsTestConfig } from './aws-config.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { type AzureFixture, azureTestConfig, startAzure } from './azure-fixtures.ts'
import { type GcpHarness, startGcpHarness } from './gcp-fixture.ts'
import type { Harness, TerraformRoot } from './terraform-harness.ts'

// The templates' own budgets, by the real terraform, asked about by mlp's adapters through the clouds' APIs.
const { signal } = new AbortController()
const budget = { amount: 900.5, currency: 'USD', notify: ['ops@example.com'] }
const again = (cloud: string) => [`mlp phase 1 --cloud ${cloud}`]

/** The foundation's budget alone: the rest of it would take minutes, and none of it matters here. */
async function budgetRoot(
  harness: Harness,
  cloud: 'aws' | 'gcp' | 'azure',
  own: string,
  variables: Record<string, unknown>,
): Promise<TerraformRoot> {
  const template = new URL(`../../templates/terraform/${cloud}/foundation/budget.tf`, import.meta.url)
  const declared = Object.keys(variables).map(name => `variable "${name}" {\n  type = any\n}\n`)
  const root = await harness.root({
    files: { 'budget.tf': await readFile(template, 'utf8'), 'main.tf': `${declared.join('')}${own}` },
    variables,
  })
  await root.init()
  return root
}

async function budgetsIn(cloud: Cloud): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { type, name } of cloud.inventory(signal)) if (/budget/.test(type)) found.push(name)
  return found
}

async function planned(root: TerraformRoot): Promise<readonly string[]> {
  return (await root.plan()).map(({ address, actions }) => `${actions} ${address}`)
}

describe('a budget on AWS', () => {
  const config: Config = { ...awsTestConfig('dev'), budget }
  const id = platformId(config)
  let harness: Harness
  let options: CloudOptions
  let cloud: Cloud
  beforeAll(async () => {
    harness = await startAwsHarness()
    options = { config, target: aws.target(harness.world), caFile: undefined, platformId: id }
    cloud = createAwsCloud(options)
  })
  afterAll(() => harness?.close())
  const ask = (service: 'budgets' | 'ce', operation: string, input: object) => {
    const target = { budgets: 'AWSBudgetServiceGateway', ce: 'AWSInsightsIndexService' }[service]
    return callJson(awsPlatform(options), { name: service, host: '', target }, operation, input, signal)
  }

  test('is made, found wanting by name, made anew and removed', async () => {
    expect(await cloud.budget(signal)).toEqual({
      status: 'fail',
      detail: 'there is no budget for this platform',
      remedy: again('aws'),
    })
    const root = await budgetRoot(
      harness,
      'aws',
      'provider "aws" {\n  region = "us-east-1"\n  default_tags {\n    tags = { "mlp.dev/platform-id" = var.platform_id }\n  }\n}\n',
      { platform_id: id, budget: cloud.variables('foundation', undefined)['budget'] },
    )
    await root.apply()
    expect(await planned(root)).toEqual([])

    // Off until somebody turns it on, in the account that pays.
    expect(await cloud.budget(signal)).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('mlp.dev/platform-id is not activated for cost allocation'),
      remedy: [expect.stringContaining('aws ce update-cost-allocation-tags-status'), expect.anything()],
    })
    const activated = [{ TagKey: 'mlp.dev/platform-id', Status: 'Active' }]
    await ask('ce', 'UpdateCostAllocationTagsStatus', { CostAllocationTagsStatus: activated })
    expect(await cloud.budget(signal)).toEqual({
      status: 'pass',
      detail:
        'budget ml-platform-dev: 900.5 USD a month, 50 % spent, 80 % spent, 100 % spent, 100 % forecast, to ops@example.com',
    })
    expect(await budgetsIn(cloud)).toEqual(['ml-platform-dev'])
    const existing = { address: 'aws_budgets_budget.main[0]', type: 'aws_budgets_budget' }
    expect(await cloud.findExisting({ ...existing, values: { name: 'ml-platform-dev' } }, signal)).toBe(
      `${config.clouds.aws?.accountId}:ml-platform-dev`,
    )

    const other = createAwsCloud({ ...options, config: { ...config, budget: { ...budget, amount: 1000 } } })
    expect(await other.budget(signal)).toMatchObject({
      status: 'fail',
      detail: 'budget ml-platform-dev: its sum is 900.5, not 1000',
    })

    const account = config.clouds.aws?.accountId
    await ask('budgets', 'DeleteBudget', { AccountId: account, BudgetName: 'ml-platform-dev' })
    expect(await cloud.budget(signal)).toMatchObject({ status: 'fail', remedy: again('aws') })
    expect(await planned(root)).toEqual(['create aws_budgets_budget.main[0]'])
    await root.apply()
    expect(await cloud.budget(signal)).toMatchObject({ status: 'pass' })
    await root.destroy()
    expect(await budgetsIn(cloud)).toEqual([])
  })

  test('in another currency is not made, and that is said', async () => {
    const euros = createAwsCloud({
      ...options,
      config: { ...config, budget: { ...budget, currency: 'EUR' } },
    })
    expect(euros.variables('foundation', undefined)['budget']).toBeNull()
    expect(await euros.budget(signal)).toMatchObject({
      status: 'warn',
      detail: expect.stringMatching(/AWS counts in USD.*in EUR.*no rate of exchange/),
    })
  })
})

describe('a budget on Google Cloud', () => {
  const base = defaultSandboxConfig('dev')
  const { aws: _, azure: __, ...clouds } = base.clouds
  let harness: GcpHarness
  let options: CloudOptions
  let cloud: Cloud
  beforeAll(async () => {
    harness = await startGcpHarness()
    const config: Config = { ...base, clouds, budget }
    options = { config, target: harness.target, caFile: undefined, platformId: platformId(config) }
    cloud = createGcpCloud(options)
  })
  afterAll(() => harness?.close())
  const variables = () => cloud.variables('foundation', undefined)
  const open = (may: boolean) =>
    budgetRoot(
      harness,
      'gcp',
      `provider "google" {\n  project = "${harness.project}"\n}\ndata "google_project" "current" {\n  project_id = "${harness.project}"\n}\n`,
      { budget: variables()['budget'], labels: variables()['labels'], may_make_budget: may },
    )

  test('is made, found wanting by name, made anew and removed', async () => {
    expect(await cloud.budget(signal)).toMatchObject({ status: 'fail', remedy: again('gcp') })
    const root = await open(true)
    await root.apply()
    expect(await planned(root)).toEqual([])
    expect(await cloud.budget(signal)).toEqual({
      status: 'pass',
      detail:
        'budget ml-platform-dev: 900.5 USD a month, 50 % spent, 80 % spent, 100 % spent, 100 % forecast, to administrators of the billing account, owners of the project',
    })
    expect(await budgetsIn(cloud)).toEqual(['ml-platform-dev'])
    const existing = { address: 'google_billing_budget.main[0]', type: 'google_billing_budget', values: {} }
    const name = await cloud.findExisting(existing, signal)
    expect(name).toMatch(/^billingAccounts\/[\d-]+\/budgets\/[\da-f-]+$/)

    const answer = z.object({})
    const path = `/v1/${name}`
    const { rest } = gcpPlatform(options)
    await rest.call({ method: 'DELETE', service: 'billingbudgets', path, answer }, signal)
    expect(await cloud.budget(signal)).toMatchObject({
      status: 'fail',
      detail: 'there is no budget for this platform',
    })
    expect(await planned(root)).toEqual(['create google_billing_budget.main[0]'])
    await root.apply()
    expect(await cloud.budget(signal)).toMatchObject({ status: 'pass' })
    await root.destroy()
    expect(await budgetsIn(cloud)).toEqual([])
  })

  test('without the right to make one the platform goes on, and the role is named', async () => {
    expect(await cloud.terraformEnvironment('foundation', signal)).toMatchObject({
      TF_VAR_may_make_budget: 'true',
    })
    harness.world.store.putFact('gcp-withheld-billing-rights', 'billing.budgets.create', true)
    expect(await cloud.terraformEnvironment('foundation', signal)).toMatchObject({
      TF_VAR_may_make_budget: 'false',
    })
    expect(await cloud.budget(signal)).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('lacks billing.budgets.create on billingAccounts/'),
      remedy: [expect.stringContaining('--role=roles/billing.costsManager'), expect.anything()],
    })
    const root = await open(false)
    expect(await planned(root)).toEqual([])
    harness.world.store.putFact('gcp-withheld-billing-rights', 'billing.budgets.create', false)
  })
})

describe('a budget on Azure', () => {
  const config: Config = { ...azureTestConfig(), budget }
  let fixture: AzureFixture
  let cloud: Cloud
  beforeAll(async () => {
    fixture = await startAzure()
    fixture.harness.world.store.putFact('azure/resource-providers', 'microsoft.consumption', 1)
    cloud = fixture.cloud(config)
  })
  afterAll(() => fixture?.[Symbol.asyncDispose]())

  test('is made, found wanting by name, made anew and removed', async () => {
    expect(await cloud.budget(signal)).toMatchObject({ status: 'fail', remedy: again('azure') })
    const { budget: parts, subscription_id } = cloud.variables('foundation', undefined)
    const root = await budgetRoot(
      fixture.harness,
      'azure',
      'provider "azurerm" {\n  subscription_id = var.subscription_id\n  resource_provider_registrations = "none"\n  features {}\n}\n',
      { subscription_id, budget: parts },
    )
    await root.apply()
    expect(await planned(root)).toEqual([])
    expect(await cloud.budget(signal)).toEqual({
      status: 'pass',
      detail:
        'budget ml-platform-dev: 900.5 USD a month, 50 % spent, 80 % spent, 100 % spent, 100 % forecast, to ops@example.com, role Owner',
    })
    expect(await budgetsIn(cloud)).toEqual(['ml-platform-dev'])
    const euros = fixture.cloud({ ...config, budget: { ...budget, currency: 'EUR' } })
    expect(await euros.budget(signal)).toMatchObject({
      status: 'fail',
      detail: 'budget ml-platform-dev: its sum is in USD, not in EUR',
    })

    const options = {
      config,
      target: azure.target(fixture.harness.world),
      caFile: fixture.caFile,
      platformId: platformId(config),
    }
    const arm = await azurePlatform(options).arm()
    const path = `/subscriptions/${subscription_id}/providers/Microsoft.Consumption/budgets/ml-platform-dev`
    await arm.delete(path, '2024-08-01', signal)
    expect(await cloud.budget(signal)).toMatchObject({ status: 'fail' })
    expect(await planned(root)).toEqual(['create azurerm_consumption_budget_subscription.main[0]'])
    await root.apply()
    expect(await cloud.budget(signal)).toMatchObject({ status: 'pass' })
    await root.destroy()
    expect(await budgetsIn(cloud)).toEqual([])
  })
})

test('without a budget in mlp.yaml nothing is made, and a warning says so', async () => {
  const cloud = createAwsCloud({
    config: awsTestConfig('dev'),
    target: { account: '123456789012', environment: {}, endpoints: {}, backend: {} },
    caFile: undefined,
    platformId: 'mlp-abcdefghij',
  })
  expect(cloud.variables('foundation', undefined)['budget']).toBeNull()
  expect(await cloud.budget(signal)).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('no `budget`'),
  })
})
