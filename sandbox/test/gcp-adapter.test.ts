import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterManagerClient } from '@google-cloud/container'
import { GoogleAuth, OAuth2Client } from 'google-auth-library'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { Cloud, CloudResource } from '../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { gcpNames, platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import type { JsonObject } from '../../src/engine/json.ts'
import { gcp } from '../src/clouds/gcp/index.ts'
import { accessTokenSeconds, issueToken } from '../src/clouds/gcp/tokens.ts'
import { type GcpHarness, startGcpHarness, templates } from './gcp-fixture.ts'
import type { TerraformRoot } from './terraform-harness.ts'

const minutes = 60_000
const { signal } = new AbortController()
const silent = () => undefined
const outputs = z.record(z.string(), z.object({ value: z.json() }))
const keptTypes = ['google_kms_crypto_key', 'google_kms_key_ring', 'google_storage_bucket']

let harness: GcpHarness
beforeAll(async () => {
  harness = await startGcpHarness()
}, minutes)
afterAll(() => harness.close(), minutes)

function cloudFor(config: Config, change: Partial<GcpHarness['target']> = {}): Cloud {
  const target = { ...harness.target, ...change }
  return createGcpCloud({ config, target, caFile: harness.world.caFile, platformId: platformId(config) })
}

async function inventoryOf(cloud: Cloud): Promise<CloudResource[]> {
  const found: CloudResource[] = []
  for await (const resource of cloud.inventory(signal)) found.push(resource)
  return found
}

async function outputsOf(root: TerraformRoot): Promise<JsonObject> {
  const parsed = outputs.parse(JSON.parse(await root.run(['output', '-json'])))
  return Object.fromEntries(Object.entries(parsed).map(([name, { value }]) => [name, value]))
}

/** The cluster as Google's own client gives it, which fills and names every field by Google's service definition. */
async function readByOfficialClient(config: Config) {
  const { hostname, port } = new URL(harness.target.endpoints['container'] ?? '')
  const authClient = new OAuth2Client()
  authClient.setCredentials({ access_token: issueToken(harness.world, accessTokenSeconds) })
  const client = new ClusterManagerClient({
    fallback: true,
    auth: new GoogleAuth({ authClient }),
    projectId: harness.project,
    apiEndpoint: hostname,
    port: Number(port),
  })
  const name = `projects/${harness.project}/locations/us-central1/clusters/${gcpNames(config).cluster}`
  const [found] = await client.getCluster({ name })
  return {
    name: found.name,
    endpoint: `https://${found.endpoint}`,
    certificateAuthorityPem: Buffer.from(found.masterAuth?.clusterCaCertificate ?? '', 'base64').toString(),
    version: found.currentMasterVersion,
    status: found.status,
  }
}

/** As phase 1 does after a kill: look every planned creation up, and write import blocks. */
async function adopt(cloud: Cloud, root: TerraformRoot) {
  const planned = (await root.plan()).filter(({ actions }) => actions === 'create')
  const found = await Promise.all(
    planned.map(async ({ address, after }) => {
      const values = z.record(z.string(), z.json()).parse(after ?? {})
      const type = address.split('.')[0] ?? ''
      expect(await cloud.condition({ address, type, values }, signal), address).toBe('ready')
      return { to: address, type, id: await cloud.findExisting({ address, type, values }, signal) }
    }),
  )
  const imports = found.flatMap(({ to, id }) => (id === undefined ? [] : [{ to, id }]))
  await root.write({ 'mlp_adopt.tf.json': JSON.stringify({ import: imports }) })
  return found
}

describe('preparing the project', () => {
  it('names what is missing, makes it once, and finds nothing to do the second time', async () => {
    const cloud = cloudFor(defaultSandboxConfig())
    const before = await cloud.missingPreparations(signal)
    expect(before).toContain('API container.googleapis.com')
    expect(before.some(one => one.startsWith('state bucket '))).toBe(true)

    const reports: string[] = []
    const kept = await cloud.prepare(signal, message => reports.push(message))
    expect(kept.map(({ type }) => type)).toEqual(['google_storage_bucket'])
    expect(reports).toHaveLength(2)
    expect(await cloud.missingPreparations(signal)).toEqual([])

    const again: string[] = []
    expect(await cloud.prepare(signal, message => again.push(message))).toEqual(kept)
    expect(again).toEqual([])
  })

  it('secures a state bucket that somebody opened', async () => {
    const config = defaultSandboxConfig()
    const cloud = cloudFor(config)
    const { stateBucket } = gcpNames(config)
    await cloud.prepare(signal, silent)
    const stored = harness.world.store.get('google_storage_bucket', stateBucket)
    harness.world.store.put('google_storage_bucket', stateBucket, {
      ...stored?.attributes,
      public_access_prevention: 'inherited',
    })
    expect(await cloud.missingPreparations(signal)).toEqual([`state bucket ${stateBucket}`])
    await cloud.prepare(signal, silent)
    expect(await cloud.missingPreparations(signal)).toEqual([])
  })

  it('knows who it is', async () => {
    expect(await cloudFor(defaultSandboxConfig()).identity(signal)).toMatchObject({
      principal: 'operator@sandbox.mlp.dev',
      account: harness.project,
    })
  })
})

describe('refusals', () => {
  it('is MLP3001 for credentials that Google does not know', async () => {
    const file = join(harness.world.home, 'wrong-credentials.json')
    const right: unknown = JSON.parse(
      await readFile(harness.target.environment['GOOGLE_APPLICATION_CREDENTIALS'] ?? '', 'utf8'),
    )
    await writeFile(file, JSON.stringify({ ...z.looseObject({}).parse(right), refresh_token: '1//revoked' }))
    const cloud = cloudFor(defaultSandboxConfig(), { environment: { GOOGLE_APPLICATION_CREDENTIALS: file } })
    await expect(cloud.identity(signal)).rejects.toMatchObject({ code: 'MLP3001' })
  })

  it('is MLP3002 when nothing answers, also for the cluster', async () => {
    const nowhere = Object.fromEntries(
      Object.keys(harness.target.endpoints).map(name => [name, 'https://127.0.0.1:9']),
    )
    const cloud = cloudFor(defaultSandboxConfig(), { endpoints: nowhere })
    await expect(cloud.cluster(signal)).rejects.toMatchObject({ code: 'MLP3002' })
    await expect(cloud.missingPreparations(signal)).rejects.toMatchObject({ code: 'MLP3002' })
  })

  it('is MLP3003 for a project that is not ours', async () => {
    const cloud = cloudFor(defaultSandboxConfig(), { account: 'somebody-elses' })
    await expect(cloud.missingPreparations(signal)).rejects.toMatchObject({ code: 'MLP3003' })
  })

  it("answers an expired token with Google's own error", async () => {
    const token = issueToken(harness.world, -1)
    const response = await fetch(
      `${harness.world.endpoints.gcp}/v1/projects/${harness.project}/locations/-/clusters`,
      {
        headers: { authorization: `Bearer ${token}` },
      },
    )
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ error: { code: 401, status: 'UNAUTHENTICATED' } })
  })
})

describe('the platform in prod', () => {
  const config = defaultSandboxConfig('prod')
  config.clouds.gcp = config.clouds.gcp && {
    ...config.clouds.gcp,
    gpuNodes: { min: 0, max: 2, type: 'g2-standard-8', spot: false },
  }

  it(
    'is adopted whole after the state is lost, checked, listed, released and destroyed',
    async () => {
      const cloud = cloudFor(config)
      await cloud.prepare(signal, silent)
      const rootOf = async (name: 'foundation' | 'cluster', foundation?: JsonObject) => {
        const root = await harness.root({
          templates: `${templates}/${name}`,
          variables: cloud.variables(name, foundation),
        })
        await root.init()
        return root
      }

      await (await rootOf('foundation')).apply()
      const foundation = await rootOf('foundation')
      const found = await adopt(cloud, foundation)
      const unfound = found.filter(({ id }) => id === undefined).map(({ type }) => type)
      expect(unfound.filter(type => !type.endsWith('_iam_member'))).toEqual([])
      expect(found.length).toBeGreaterThan(30)
      await foundation.apply()
      expect(await foundation.plan()).toEqual([])

      const facts = await outputsOf(foundation)
      await (await rootOf('cluster', facts)).apply()
      const cluster = await rootOf('cluster', facts)
      const clusterFound = await adopt(cloud, cluster)
      expect(clusterFound.filter(({ id }) => id !== undefined).map(({ to }) => to)).toEqual([
        'google_container_cluster.main',
        'google_container_node_pool.general',
        'google_container_node_pool.gpu[0]',
      ])
      await cluster.apply()
      expect(await cluster.plan()).toEqual([])

      const findings = await Promise.all(cloud.infrastructureChecks().map(check => check.run(signal)))
      expect(findings.filter(({ status }) => status !== 'pass')).toEqual([])

      const access = await cloud.cluster(signal)
      expect(await readByOfficialClient(config)).toEqual(access)
      expect(access).toMatchObject({
        name: 'ml-platform-prod',
        status: 'RUNNING',
        endpoint: 'https://127.0.0.1:9',
      })
      expect(access?.certificateAuthorityPem).toContain('BEGIN CERTIFICATE')
      const { token } = await cloud.token('ml-platform-prod', signal)
      expect(await gcp.reviewToken(token, 'ml-platform-prod', harness.world)).toMatchObject({
        username: 'operator@sandbox.mlp.dev',
      })
      expect(await gcp.reviewToken(token, 'another', harness.world)).toBeUndefined()
      expect(await gcp.reviewToken(`${token}x`, 'ml-platform-prod', harness.world)).toBeUndefined()

      const bound = cloud
        .workloadIdentity(facts)
        .serviceAccounts.map(({ annotations }) => Object.values(annotations)[0])
      const emails = harness.world.store
        .list('google_service_account')
        .map(({ attributes }) => attributes['email'])
      expect(emails).toEqual(expect.arrayContaining(bound))

      const inventory = await inventoryOf(cloud)
      const listed = new Set(inventory.map(({ type }) => type))
      const dependents = /_iam_member$|router_nat$|sql_database$|sql_user$|service_networking_connection$/
      const made = new Set(harness.world.store.all().map(({ type }) => type))
      expect([...made].filter(type => !listed.has(type) && !dependents.test(type))).toEqual([])

      const { buckets } = gcpNames(config)
      const upload = `${harness.world.endpoints.gcp}/upload/storage/v1/b/${buckets.models}/o?uploadType=media&name=a%2Fmodel`
      const sent = await fetch(upload, {
        method: 'POST',
        body: 'weights',
        headers: { authorization: `Bearer ${token}` },
      })
      expect(sent.status).toBe(200)

      await cluster.destroy()
      await expect(foundation.destroy()).rejects.toThrow(/without `force_destroy`|deletion_protection/)
      await cloud.releaseData({ finalSnapshot: true }, signal, silent)
      await foundation.destroy()

      const left = await inventoryOf(cloud)
      expect(left.filter(({ keptBecause }) => keptBecause === undefined)).toEqual([])
      expect([...new Set(left.map(({ type }) => type))].sort()).toEqual(
        [...keptTypes, 'google_sql_final_backup'].sort(),
      )

      // The keys that Google kept are taken over by the next bootstrap.
      const next = await rootOf('foundation')
      const survivors = (await adopt(cloud, next)).flatMap(({ to, id }) => (id === undefined ? [] : [to]))
      expect(survivors.every(address => address.startsWith('google_kms_'))).toBe(true)
      expect(survivors).toHaveLength(4)
      await next.apply()
    },
    10 * minutes,
  )

  it("refuses to take over somebody else's bucket", async () => {
    const cloud = cloudFor(config)
    const { buckets } = gcpNames(config)
    const stored = harness.world.store.get('google_storage_bucket', buckets.data)
    harness.world.store.put('google_storage_bucket', buckets.data, {
      ...stored?.attributes,
      effective_labels: {},
    })
    const planned = {
      address: 'google_storage_bucket.main["data"]',
      type: 'google_storage_bucket',
      values: { name: buckets.data },
    }
    await expect(cloud.findExisting(planned, signal)).rejects.toMatchObject({ code: 'MLP3010' })
  })
})

describe("terraform's own gcs backend", () => {
  it(
    'keeps its state in the bucket, reached by an access token',
    async () => {
      const config = defaultSandboxConfig()
      const cloud = cloudFor(config)
      await cloud.prepare(signal, silent)
      const backend = cloud.backend('foundation')
      const root = await harness.root({
        files: { 'main.tf': 'resource "terraform_data" "one" { input = 1 }\n' },
      })
      await root.write({
        'harness_override.tf': 'terraform {\n  backend "gcs" {}\n}\n',
        'mlp.backend.json': JSON.stringify(backend.config),
      })
      const environment: Record<string, string> = {
        ...(await cloud.terraformEnvironment('foundation', signal)),
        SSL_CERT_FILE: harness.world.caFile,
      }
      expect(JSON.stringify(backend.config)).not.toContain(
        environment['GOOGLE_OAUTH_ACCESS_TOKEN'] ?? 'no token',
      )
      Object.assign(harness.environment, environment)
      await root.run(['init', '-input=false', '-no-color', '-backend-config=mlp.backend.json'])
      await root.apply()
      expect(await root.plan()).toEqual([])
      const state = `${harness.world.endpoints.gcp}/storage/v1/b/${gcpNames(config).stateBucket}/o/terraform%2Ffoundation%2Fdefault.tfstate?alt=media`
      const { token } = await cloud.token('any', signal)
      const stored = await fetch(state, { headers: { authorization: `Bearer ${token}` } })
      expect(await stored.text()).toContain('terraform_data')
    },
    2 * minutes,
  )
})
