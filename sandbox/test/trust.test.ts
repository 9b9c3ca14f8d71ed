import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import type { Cloud, CloudName } from '../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { awsNames, azureNames, gcpNames, platformId } from '../../src/config/names.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { awsTestConfig } from './aws-config.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { type AzureFixture, azureTestConfig, startAzure } from './azure-fixtures.ts'
import { type GcpHarness, startGcpHarness } from './gcp-fixture.ts'
import { type Harness, testSecrets } from './terraform-harness.ts'

// Whom a cloud trusts is asked through its API: what is not there, and what is no longer in force, is named.
const { signal } = new AbortController()

async function missing(cloud: Cloud, peers: readonly CloudName[]) {
  const [pipeline, clusters] = await Promise.all([
    cloud.missingTrust(signal),
    cloud.missingPeerTrust(peers, signal),
  ])
  return { pipeline, clusters }
}

describe('trust in AWS', () => {
  const config = awsTestConfig('dev')
  const { roles } = awsNames(config)
  let harness: Harness
  beforeAll(async () => {
    harness = await startAwsHarness()
  })
  afterAll(() => harness?.close())

  test('is missed by name, role by role', async () => {
    const target = aws.target(harness.world)
    const cloud = createAwsCloud({ config, target, caFile: undefined, platformId: platformId(config) })
    expect(await missing(cloud, ['gcp'])).toEqual({
      pipeline: [
        `the identity provider arn:aws:iam::${testSecrets.awsAccountId}:oidc-provider/token.actions.githubusercontent.com`,
        `the role ${roles.pipelineDeploy}`,
        `the role ${roles.pipelineRead}`,
      ],
      clusters: ['the identity provider of gcp’s cluster', `the role ${roles.dataSyncPeers}`],
    })
    for (const name of [roles.pipelineDeploy, roles.dataSyncPeers])
      harness.world.store.put('aws_iam_role', name, {
        name,
        arn: `arn:aws:iam::${testSecrets.awsAccountId}:role/${name}`,
      })
    const { pipeline, clusters } = await missing(cloud, ['gcp'])
    expect(pipeline.slice(1)).toEqual([`the role ${roles.pipelineRead}`])
    expect(clusters).toEqual(['the identity provider of gcp’s cluster'])
  })
})

describe('trust in Google Cloud', () => {
  const config = defaultSandboxConfig('dev')
  const { identityPool, peerPool, serviceAccounts } = gcpNames(config)
  let harness: GcpHarness
  beforeAll(async () => {
    harness = await startGcpHarness()
  })
  afterAll(() => harness?.close())

  test('is missed by name, and so is what Google still shows after it was deleted', async () => {
    const { target, world, project } = harness
    const cloud = createGcpCloud({ config, target, caFile: world.caFile, platformId: platformId(config) })
    const pools = `projects/${project}/locations/global/workloadIdentityPools`
    const account = (name: string) =>
      `the service account projects/${project}/serviceAccounts/${name}@${project}.iam.gserviceaccount.com`
    const accounts = [serviceAccounts.pipelineDeploy, serviceAccounts.pipelineRead].map(account)
    const provider = `${pools}/${peerPool}/providers/cluster-aws`
    expect(await missing(cloud, ['aws'])).toEqual({
      pipeline: [
        `the identity pool ${pools}/${identityPool}`,
        `the identity provider ${pools}/${identityPool}/providers/github`,
        ...accounts,
      ],
      clusters: [`${pools}/${peerPool}`, provider],
    })
    for (const [pool, state] of [
      [identityPool, 'DELETED'],
      [peerPool, 'ACTIVE'],
    ] as const) {
      const id = `${pools}/${pool}`
      world.store.put('google_iam_workload_identity_pool', id, {
        id,
        name: id,
        workload_identity_pool_id: pool,
        state,
      })
    }
    const { pipeline, clusters } = await missing(cloud, ['aws'])
    expect(pipeline[0]).toBe(`the identity pool ${pools}/${identityPool}`)
    expect(clusters).toEqual([provider])
  })
})

describe('trust in Azure', () => {
  const config = azureTestConfig()
  const { identities, resourceGroup } = azureNames(config)
  let fixture: AzureFixture
  beforeAll(async () => {
    fixture = await startAzure()
  })
  afterAll(() => fixture?.[Symbol.asyncDispose]())

  test('is missed by name, identity first and then what it trusts', async () => {
    const { store } = fixture.harness.world
    const cloud = fixture.cloud(config)
    expect(await missing(cloud, ['aws'])).toEqual({
      pipeline: [`the identity ${identities.pipelineDeploy}`, `the identity ${identities.pipelineRead}`],
      clusters: [`the federated credential cluster-aws of ${identities.dataSync}`],
    })
    const group = `/subscriptions/${testSecrets.azureSubscriptionId}/resourceGroups/${resourceGroup}`
    const identity = (name: string) =>
      `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`
    store.put('azurerm_resource_group', group, { id: group, name: resourceGroup, location: 'eastus' })
    for (const name of [identities.pipelineDeploy, identities.dataSync])
      store.put('azurerm_user_assigned_identity', identity(name), { id: identity(name), name })
    const credential = `${identity(identities.dataSync)}/federatedIdentityCredentials/cluster-aws`
    store.put('azurerm_federated_identity_credential', credential, { id: credential, name: 'cluster-aws' })
    expect(await missing(cloud, ['aws'])).toEqual({
      pipeline: [
        `the federated credential github of ${identities.pipelineDeploy}`,
        `the identity ${identities.pipelineRead}`,
      ],
      clusters: [],
    })
  })
})
