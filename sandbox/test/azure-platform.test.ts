import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { findableTypes } from '../../src/clouds/azure/existing.ts'
import type { Cloud, CloudResource, RootName } from '../../src/clouds/cloud.ts'
import type { JsonObject } from '../../src/engine/json.ts'
import { azure } from '../src/clouds/azure/index.ts'
import { type AzureCase, type AzureFixture, azureTestConfig, startAzure } from './azure-fixtures.ts'
import type { TerraformRoot } from './terraform-harness.ts'

const templates = (root: RootName) =>
  fileURLToPath(new URL(`../../templates/terraform/azure/${root}`, import.meta.url))
const signal = AbortSignal.timeout(600_000)
const json: z.ZodType<JsonObject> = z.record(z.string(), z.json())
const outputsSchema = z
  .record(z.string(), z.object({ value: z.json() }))
  .transform(outputs =>
    json.parse(Object.fromEntries(Object.entries(outputs).map(([key, { value }]) => [key, value]))),
  )

const cases: readonly AzureCase[] = [
  { environment: 'dev', engine: 'postgresql' },
  { environment: 'staging', engine: 'azure-sql', spot: true },
  { environment: 'prod', engine: 'postgresql', spot: true, gpu: true },
  { environment: 'prod', engine: 'azure-sql' },
]

async function everything(cloud: Cloud): Promise<readonly CloudResource[]> {
  const found: CloudResource[] = []
  for await (const resource of cloud.inventory(signal)) found.push(resource)
  return found
}

describe.each(cases)('$environment with $engine', options => {
  const config = azureTestConfig(options)
  let fixture: AzureFixture
  let cloud: Cloud
  let foundation: TerraformRoot
  let cluster: TerraformRoot
  let outputs: JsonObject

  beforeAll(async () => {
    fixture = await startAzure()
    cloud = fixture.cloud(config)
  })
  afterAll(async () => fixture[Symbol.asyncDispose]())

  const openRoot = async (root: RootName, from?: JsonObject) => {
    const opened = await fixture.harness.root({
      templates: templates(root),
      variables: cloud.variables(root, from),
    })
    await opened.init()
    return opened
  }
  const outputsOf = async (root: TerraformRoot) =>
    outputsSchema.parse(JSON.parse(await root.run(['output', '-json'])))

  test('a subscription is prepared once', { timeout: 60_000 }, async () => {
    expect(await cloud.missingPreparations(signal)).toContain('resource provider Microsoft.ContainerService')
    const kept = await cloud.prepare(signal, () => {})
    expect(kept.map(({ type }) => type)).toEqual(['azurerm_resource_group', 'azurerm_storage_account'])
    expect(await cloud.missingPreparations(signal)).toEqual([])
    expect(await cloud.prepare(signal, () => {})).toEqual(kept)
  })

  test('the foundation is applied, and then there is nothing to do', { timeout: 120_000 }, async () => {
    foundation = await openRoot('foundation')
    await foundation.run(['validate'])
    await foundation.apply()
    expect(await foundation.plan()).toEqual([])
    outputs = await outputsOf(foundation)
  })

  test('so is the cluster', { timeout: 120_000 }, async () => {
    cluster = await openRoot('cluster', outputs)
    await cluster.run(['validate'])
    await cluster.apply()
    expect(await cluster.plan()).toEqual([])
  })

  test('no state holds anything that opens a door', async () => {
    for (const root of [foundation, cluster])
      expect(await root.run(['state', 'pull'])).not.toContain(
        fixture.harness.world.secrets.azureStorageAccountKey,
      )
  })

  test('every check of the infrastructure passes', async () => {
    const findings = await Promise.all(
      cloud.infrastructureChecks().map(async check => [check.name, (await check.run(signal)).status]),
    )
    expect(findings).toEqual([
      ['cluster', 'pass'],
      ['buckets', 'pass'],
      ['database', 'pass'],
      ['cache', 'pass'],
      ['registry', 'pass'],
    ])
  })

  test('the audit log is kept', async () => {
    const retentionDays = { dev: 30, staging: 60, prod: 90 }[config.environment]
    expect(await cloud.auditLog().state(signal)).toEqual({ kept: true, retentionDays })
  })

  test('the cluster is reachable with a token of its administrator', async () => {
    const access = await cloud.cluster(signal)
    expect(access).toMatchObject({ name: `ml-platform-aks-${config.environment}`, status: 'Succeeded' })
    expect(access?.certificateAuthorityPem).toContain('BEGIN CERTIFICATE')
    const { token, expiresAt } = await cloud.token(access?.name ?? '', signal)
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now())
    const user = await azure.reviewToken(token, access?.name ?? '', fixture.harness.world)
    expect(user?.groups).toContain('sandbox:cluster-admins')
    expect(await azure.reviewToken(`${token}x`, access?.name ?? '', fixture.harness.world)).toBeUndefined()
  })

  test('service accounts take the identities that trust them', async () => {
    const { serviceAccounts } = cloud.workloadIdentity(await outputsOf(cluster))
    expect(serviceAccounts).toHaveLength(5)
    for (const account of serviceAccounts) {
      const identity = fixture.harness.world.store
        .list('azurerm_user_assigned_identity')
        .find(
          ({ attributes }) =>
            attributes['client_id'] === account.annotations['azure.workload.identity/client-id'],
        )
      const trusted = fixture.harness.world.store
        .list('azurerm_federated_identity_credential')
        .filter(({ id }) => identity !== undefined && id.startsWith(`${identity.id}/`))
      expect(trusted.map(({ attributes }) => attributes['subject'])).toEqual([
        `system:serviceaccount:${account.namespace}:${account.name}`,
      ])
    }
  })

  test.each(['foundation', 'cluster'] as const)(
    'a run that lost its state finds all of the %s again',
    { timeout: 120_000 },
    async name => {
      const fresh = await openRoot(name, name === 'cluster' ? outputs : undefined)
      const planned = await fresh.plan()
      const found = await Promise.all(
        planned.map(async ({ address, after }) => ({
          to: address,
          id: await cloud.findExisting(
            { address, type: address.split('.')[0] ?? '', values: json.parse(after) },
            signal,
          ),
        })),
      )
      expect(found.filter(({ id }) => id === undefined)).toEqual([])
      for (const { address, after } of planned) {
        const resource = { address, type: address.split('.')[0] ?? '', values: json.parse(after) }
        expect(await cloud.condition(resource, signal), address).toBe('ready')
      }
      await fresh.write({ 'adopted.tf.json': JSON.stringify({ import: found }) })
      const adopted = await fresh.plan()
      expect(adopted.filter(change => !change.importing || /create|delete/.test(change.actions))).toEqual([])
      await fresh.apply()
      await fresh.write({ 'adopted.tf.json': '{}' })
      expect(await fresh.plan()).toEqual([])
      if (name === 'foundation') foundation = fresh
      else cluster = fresh
    },
  )

  test('nothing foreign is adopted', async () => {
    const { store } = fixture.harness.world
    const group = store
      .list('azurerm_resource_group')
      .find(({ id }) => id.endsWith(`rg-${config.environment}`))
    const subnet = { address: 'azurerm_subnet.nodes', type: 'azurerm_subnet', values: { name: 'nodes' } }
    expect(await cloud.findExisting(subnet, signal)).toMatch(/\/subnets\/nodes$/)
    if (group === undefined) throw new Error('no group')
    store.put(group.type, group.id, { ...group.attributes, tags: { owner: 'someone else' } })
    try {
      expect(await cloud.findExisting(subnet, signal)).toBeUndefined()
    } finally {
      store.put(group.type, group.id, group.attributes)
    }
  })

  test('everything goes again, and the sweep proves it', { timeout: 120_000 }, async () => {
    const before = await everything(cloud)
    expect(before.map(({ type }) => type)).toEqual(
      expect.arrayContaining([
        'azurerm_kubernetes_cluster',
        'azurerm_storage_account',
        'azurerm_managed_redis',
      ]),
    )
    expect(before.filter(({ type }) => type === 'azurerm_resource_group')).toHaveLength(2)
    expect(before.map(({ name }) => name)).toContain(`ml-platform-rg-${config.environment}-nodes`)
    await cluster.destroy()
    await cloud.releaseData({ finalSnapshot: true }, signal, () => {})
    await foundation.destroy()
    const prepared = new Set((await cloud.preparations(signal)).map(({ id }) => id))
    const left = await everything(cloud)
    expect(left.filter(({ id }) => !prepared.has(id))).toEqual([])
    expect(fixture.harness.world.store.list('azurerm_storage_container')).toHaveLength(1)
  })
})

test('templates hold only types that have a behaviour with a source', async () => {
  const known = new Map(azure.behaviours.map(behaviour => [behaviour.type, behaviour]))
  for (const root of ['foundation', 'cluster'] as const)
    for (const file of (await readdir(templates(root))).filter(name => name.endsWith('.tf'))) {
      const text = await readFile(`${templates(root)}/${file}`, 'utf8')
      for (const [, type = ''] of text.matchAll(/^resource "([a-z_0-9]+)"/gm)) {
        expect(known.get(type)?.source, `${file}: ${type}`).toMatch(/https:|azurerm/)
        expect(findableTypes, `${file}: ${type} must be findable after a lost state`).toContain(type)
      }
    }
})
