import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import { idempotentTypes } from '../../src/clouds/aws/existing.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { awsNames, platformId } from '../../src/config/names.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { ecrPrefix } from '../src/registry/ecr.ts'
import { recordImage } from '../src/registry/images.ts'
import { awsTestConfig, clusterVariables, foundationVariables } from './aws-config.ts'
import { startAwsHarness } from './aws-fixture.ts'
import { imageAt } from './image-fixture.ts'
import type { Harness, TerraformRoot } from './terraform-harness.ts'

const run = promisify(execFile)
const signal = AbortSignal.timeout(600_000)
const config = awsTestConfig('prod')
const names = awsNames(config)
const templates = (root: string) =>
  fileURLToPath(new URL(`../../templates/terraform/aws/${root}`, import.meta.url))
const outputsSchema = z
  .record(z.string(), z.object({ value: z.json() }))
  .transform(outputs =>
    Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.value])),
  )
const valuesSchema = z.record(z.string(), z.json())

let harness: Harness
let cloud: Cloud
let foundation: TerraformRoot
let cluster: TerraformRoot

beforeAll(async () => {
  harness = await startAwsHarness()
  cloud = cloudWith({})
  foundation = await harness.root({
    templates: templates('foundation'),
    variables: foundationVariables(config),
  })
  await foundation.init()
  await foundation.apply()
  const outputs = outputsSchema.parse(JSON.parse(await foundation.run(['output', '-json'])))
  cluster = await harness.root({
    templates: templates('cluster'),
    variables: clusterVariables(config, outputs),
  })
  await cluster.init()
  await cluster.apply()
}, 240_000)
afterAll(() => harness?.close())

function cloudWith(environment: Readonly<Record<string, string>>): Cloud {
  const target = aws.target(harness.world)
  return createAwsCloud({
    config,
    target: { ...target, environment: { ...target.environment, ...environment } },
    caFile: undefined,
    platformId: platformId(config),
  })
}

test('says who it is', async () => {
  expect(await cloud.identity(signal)).toEqual({
    principal: 'arn:aws:iam::123456789012:user/mlp-sandbox',
    account: '123456789012',
    validity: { kind: 'renewed' },
  })
})

test('prepares the state bucket once', async () => {
  expect(await cloud.missingPreparations(signal)).toEqual([`state bucket ${names.stateBucket}`])
  const kept = await cloud.prepare(signal, () => {})
  expect(kept.map(one => one.name)).toEqual([names.stateBucket])
  expect(await cloud.missingPreparations(signal)).toEqual([])
  expect(await cloud.prepare(signal, () => {})).toEqual(kept)
  expect(await cloud.preparations(signal)).toEqual(kept)
}, 60_000)

test('passes every check of what stands', async () => {
  for (const check of cloud.infrastructureChecks()) {
    const finding = await check.run(signal)
    expect({ name: check.name, status: finding.status, detail: finding.detail }).toMatchObject({
      name: check.name,
      status: 'pass',
    })
  }
}, 60_000)

test('keeps the audit log, as terraform made it', async () => {
  expect(await cloud.auditLog().state(signal)).toEqual({ kept: true, retentionDays: 365 })
})

test('a bucket without versions fails its check', async () => {
  const { store } = harness.world
  const setting = store.get('aws_s3_bucket_versioning', names.buckets.data)
  if (setting === undefined) throw new Error('the data bucket has no versioning')
  store.delete(setting.type, setting.id)
  const finding = await cloud
    .infrastructureChecks()
    .find(check => check.name === 'buckets')
    ?.run(signal)
  store.put(setting.type, setting.id, setting.attributes)
  expect(finding).toMatchObject({ status: 'fail', detail: `${names.buckets.data} keeps no versions` })
})

test('finds again everything that a lost state forgot', async () => {
  const missing: string[] = []
  for (const root of [foundation, cluster]) {
    const state = await root.state()
    for (const [address, values] of Object.entries(state)) {
      const type = address.split('.')[0] ?? ''
      if (type === 'data' || idempotentTypes.has(type)) continue
      // What a plan knows before the creation: nothing that the cloud computes.
      const known = Object.fromEntries(
        Object.entries(valuesSchema.parse(values)).filter(
          ([key]) => !/^(id|arn)$|_ids?$/.test(key) || /^(user|user_group|replication_group)_id$/.test(key),
        ),
      )
      const id = await cloud.findExisting({ address, type, values: known }, signal)
      if (id === undefined) missing.push(address)
    }
  }
  expect(missing).toEqual([])
}, 120_000)

test('tells how far it is with what has a life cycle', async () => {
  const { store } = harness.world
  const [database] = store.list('aws_db_instance')
  if (database === undefined) throw new Error('there is no database')
  const resource = {
    address: 'aws_db_instance.main',
    type: 'aws_db_instance',
    values: { identifier: names.database },
  }
  const conditions: unknown[] = []
  for (const status of ['available', 'creating', 'failed']) {
    store.put(database.type, database.id, { ...database.attributes, status })
    conditions.push(await cloud.condition(resource, signal))
  }
  store.put(database.type, database.id, database.attributes)
  expect(conditions).toEqual(['ready', 'settling', 'failed'])
  const gateway = {
    address: 'aws_nat_gateway.main["a"]',
    type: 'aws_nat_gateway',
    values: { tags: { 'mlp.dev/resource': 'nat-gateway/a' } },
  }
  const [nodes, addon, cluster] = [
    { cluster_name: names.cluster, node_group_name: names.nodeGroups.general },
    { cluster_name: names.cluster, addon_name: 'vpc-cni' },
    { name: names.cluster },
  ]
  const others = [
    gateway,
    { address: 'aws_eks_cluster.main', type: 'aws_eks_cluster', values: cluster },
    { address: 'aws_eks_node_group.main', type: 'aws_eks_node_group', values: nodes },
    { address: 'aws_eks_addon.main', type: 'aws_eks_addon', values: addon },
    {
      address: 'aws_elasticache_replication_group.main',
      type: 'aws_elasticache_replication_group',
      values: { replication_group_id: names.cache },
    },
    { address: 'aws_vpc.main', type: 'aws_vpc', values: {} },
  ]
  for (const one of others) expect(await cloud.condition(one, signal), one.address).toBe('ready')
})

test('adopts by import after the state was lost, and changes nothing that matters', async () => {
  const lost = await harness.root({
    templates: templates('foundation'),
    variables: foundationVariables(config),
  })
  await lost.init()
  const plan = await lost.plan()
  const imports: { to: string; id: string }[] = []
  for (const change of plan) {
    const type = change.address.split('.')[0] ?? ''
    const values = valuesSchema.parse(change.after ?? {})
    const id = await cloud.findExisting({ address: change.address, type, values }, signal)
    if (id !== undefined) imports.push({ to: change.address, id })
  }
  await lost.write({ 'adopt.tf.json': JSON.stringify({ import: imports }) })
  const before = harness.world.store.all().length
  const adopted = await lost.plan()
  const created = adopted
    .filter(change => change.actions.includes('create'))
    .map(change => change.address.split('.')[0] ?? '')
  expect(created.filter(type => !idempotentTypes.has(type))).toEqual([])
  expect(adopted.filter(change => change.actions.includes('delete'))).toEqual([])
  await lost.apply()
  expect(harness.world.store.all().length).toBe(before)
}, 180_000)

test("somebody else's thing of our name is not ours", async () => {
  const other = createAwsCloud({
    config,
    target: aws.target(harness.world),
    caFile: undefined,
    platformId: 'mlp-another',
  })
  const values = { name: names.cluster, identifier: names.database, bucket: names.buckets.data }
  for (const type of ['aws_eks_cluster', 'aws_db_instance', 'aws_s3_bucket'])
    expect(await other.findExisting({ address: `${type}.main`, type, values }, signal)).toBeUndefined()
})

describe('cluster tokens', () => {
  test('are reviewed as the caller, an administrator', async () => {
    const { token } = await cloud.token(names.cluster, signal)
    expect(await aws.reviewToken(token, names.cluster, harness.world)).toEqual({
      username: 'arn:aws:iam::123456789012:user/mlp-sandbox',
      groups: ['sandbox:cluster-admins'],
    })
  })
  test('open no other cluster, and none when changed', async () => {
    const { token } = await cloud.token('another', signal)
    expect(await aws.reviewToken(token, names.cluster, harness.world)).toBeUndefined()
    const own = (await cloud.token(names.cluster, signal)).token
    const url = Buffer.from(own.slice('k8s-aws-v1.'.length), 'base64url').toString()
    const forged = url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61')
    expect(forged).not.toBe(url)
    const forgedToken = `k8s-aws-v1.${Buffer.from(forged).toString('base64url')}`
    expect(await aws.reviewToken(forgedToken, names.cluster, harness.world)).toBeUndefined()
  })
})

describe('errors', () => {
  test.each([
    ['a wrong key', { AWS_ACCESS_KEY_ID: 'AKIANOBODY' }, 'MLP3001'],
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'MLP3001'],
    ['an expired session', { AWS_SESSION_TOKEN: 'old' }, 'MLP3001'],
  ])(
    '%s is refused as credentials',
    async (_name, environment, code) => {
      const stranger = cloudWith(environment)
      await expect(stranger.identity(signal)).rejects.toMatchObject({ code })
      await expect(stranger.cluster(signal)).rejects.toMatchObject({ code })
      await expect(stranger.missingPreparations(signal)).rejects.toMatchObject({
        code: expect.stringMatching(/MLP300[13]/),
      })
    },
    60_000,
  )
  test('a dead endpoint is unreachable', async () => {
    const target = { ...aws.target(harness.world), endpoints: { aws: 'https://127.0.0.1:9' } }
    const nowhere = createAwsCloud({ config, target, caFile: undefined, platformId: platformId(config) })
    await expect(nowhere.identity(signal)).rejects.toMatchObject({ code: 'MLP3002' })
  }, 60_000)
})

test('the official CLI works unmodified', async () => {
  const environment = { ...process.env, ...aws.commandLineEnvironment(harness.world) }
  const cli = async (...args: string[]) => (await run('aws', args, { env: environment })).stdout
  expect(JSON.parse(await cli('eks', 'list-clusters', '--region', 'us-east-1'))).toEqual({
    clusters: [names.cluster],
  })
  expect(await cli('s3', 'ls')).toContain(names.buckets.models)
  const kubeconfig = `${harness.world.home}/kubeconfig`
  await cli(
    'eks',
    'update-kubeconfig',
    '--name',
    names.cluster,
    '--region',
    'us-east-1',
    '--kubeconfig',
    kubeconfig,
  )
  const credential = JSON.parse(await cli('eks', 'get-token', '--cluster-name', names.cluster))
  expect(await aws.reviewToken(credential.status.token, names.cluster, harness.world)).toBeDefined()
}, 120_000)

test("terraform's own s3 backend keeps state and lock in the state bucket", async () => {
  await cloud.prepare(signal, () => {})
  const folder = await mkdtemp(join(harness.world.home, 'backend-'))
  await writeFile(
    join(folder, 'main.tf'),
    'terraform {\n  backend "s3" {}\n}\nresource "terraform_data" "x" {\n  input = "kept"\n}\n',
  )
  const backend = cloud.backend('foundation')
  await writeFile(join(folder, 'backend.json'), JSON.stringify(backend.config))
  const environment = { ...harness.environment, ...(await cloud.terraformEnvironment('foundation', signal)) }
  const terraform = (...args: string[]) => run('terraform', args, { cwd: folder, env: environment })
  await terraform('init', '-backend-config=backend.json', '-input=false', '-no-color')
  await terraform('apply', '-auto-approve', '-input=false', '-no-color')
  expect((await terraform('state', 'pull')).stdout).toContain('"kept"')
}, 60_000)

test('teardown releases data, and the inventory is then empty but for what is kept', async () => {
  const { store } = harness.world
  const { S3Client, PutObjectCommand } = await import('@aws-sdk/client-s3')
  const s3 = new S3Client({
    region: 'us-east-1',
    endpoint: harness.world.endpoints.aws,
    forcePathStyle: true,
    credentials: {
      accessKeyId: harness.world.secrets.awsAccessKeyId,
      secretAccessKey: harness.world.secrets.awsSecretAccessKey,
    },
  })
  await s3.send(new PutObjectCommand({ Bucket: names.buckets.data, Key: 'a/b c.txt', Body: 'hello' }))
  const repository = names.repositories['api-gateway']
  recordImage(store, imageAt(`${ecrPrefix(harness.world, 'us-east-1')}/${repository}`), 'v1')
  await cluster.destroy()
  await expect(foundation.destroy()).rejects.toThrow(/BucketNotEmpty/)
  await cloud.releaseData({ finalSnapshot: true }, signal, () => {})
  await foundation.destroy()
  const left: string[] = []
  for await (const resource of cloud.inventory(signal)) left.push(resource.type)
  expect(left.sort()).toEqual(['aws_db_snapshot', 'aws_s3_bucket'])
}, 240_000)
