import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { testCloud } from './core-test-cloud.ts'
import { type Harness, startHarness, TerraformFailed, type TerraformRoot } from './terraform-harness.ts'

const header = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" { region = "us-east-1" }
`
const clusterBlock = (inside: string) => `
resource "aws_eks_cluster" "c" {
  name     = "main"
  role_arn = "arn:aws:iam::123456789012:role/eks"
  vpc_config { subnet_ids = ["a", "b"] }
  ${inside}
}`

let harness: Harness
beforeAll(async () => {
  harness = await startHarness([testCloud])
})
afterAll(() => harness.close())

async function root(hcl: string): Promise<TerraformRoot> {
  const made = await harness.root({ files: { 'main.tf': header + hcl } })
  await made.init()
  return made
}

describe('a resource from creation to destruction', () => {
  /** Each: what stands first, what is then asked for, and what terraform must plan. */
  const rows: readonly {
    readonly name: string
    readonly first: string
    readonly second: string
    readonly actions: string
    readonly replacePaths?: readonly string[]
  }[] = [
    {
      name: 'tags change in place',
      first: 'resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }',
      second: 'resource "aws_vpc" "v" {\n  cidr_block = "10.0.0.0/16"\n  tags = { a = "b" }\n}',
      actions: 'update',
    },
    {
      name: 'a network range forces replacement',
      first: 'resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }',
      second: 'resource "aws_vpc" "v" { cidr_block = "10.1.0.0/16" }',
      actions: 'delete create',
      replacePaths: ['cidr_block'],
    },
    {
      name: 'a default that is written out is no change',
      first: 'resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }',
      second:
        'resource "aws_vpc" "v" {\n  cidr_block = "10.0.0.0/16"\n  instance_tenancy = "default"\n  enable_dns_support = true\n}',
      actions: '',
    },
    {
      name: 'an attribute that is taken away is removed',
      first: 'resource "aws_vpc" "v" {\n  cidr_block = "10.0.0.0/16"\n  tags = { a = "b" }\n}',
      second: 'resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }',
      actions: 'update',
    },
    {
      name: 'a set of objects in another order is no change',
      first:
        'resource "aws_security_group" "g" {\n name = "one"\n ingress { \n from_port=1 \n to_port=1 \n protocol="tcp" \n}\n ingress { \n from_port=2 \n to_port=2 \n protocol="tcp" \n}\n}',
      second:
        'resource "aws_security_group" "g" {\n name = "one"\n ingress { \n from_port=2 \n to_port=2 \n protocol="tcp" \n}\n ingress { \n from_port=1 \n to_port=1 \n protocol="tcp" \n}\n}',
      actions: '',
    },
    {
      name: 'one more element of a set changes in place',
      first:
        'resource "aws_security_group" "g" {\n name = "two"\n ingress { \n from_port=1 \n to_port=1 \n protocol="tcp" \n}\n}',
      second:
        'resource "aws_security_group" "g" {\n name = "two"\n ingress { \n from_port=1 \n to_port=1 \n protocol="tcp" \n}\n ingress { \n from_port=2 \n to_port=2 \n protocol="tcp" \n}\n}',
      actions: 'update',
    },
    {
      name: 'blocks that the cloud filled in stay',
      first: clusterBlock(''),
      second: clusterBlock('tags = { a = "b" }'),
      actions: 'update',
    },
    {
      name: 'a nested attribute forces replacement, by its path',
      first: clusterBlock('kubernetes_network_config { service_ipv4_cidr = "172.20.0.0/16" }'),
      second: clusterBlock('kubernetes_network_config { service_ipv4_cidr = "10.9.0.0/16" }'),
      actions: 'delete create',
      replacePaths: ['kubernetes_network_config.0.service_ipv4_cidr'],
    },
    {
      name: 'a block that the configuration gave and takes away is removed',
      first: clusterBlock('encryption_config {\n resources = ["secrets"]\n provider { key_arn = "k" }\n}'),
      second: clusterBlock(''),
      actions: 'update',
    },
    {
      name: 'the role of a cluster forces replacement',
      first: clusterBlock(''),
      second: clusterBlock('').replace('role/eks', 'role/other'),
      actions: 'delete create',
      replacePaths: ['role_arn'],
    },
    {
      name: 'a nested block in a list changes in place',
      first:
        'resource "aws_launch_template" "t" {\n tag_specifications { \n resource_type = "instance" \n tags = { a = "b" } \n}\n}',
      second:
        'resource "aws_launch_template" "t" {\n tag_specifications { \n resource_type = "instance" \n tags = { a = "c" } \n}\n}',
      actions: 'update',
    },
  ]
  test.each(rows)('$name', async ({ first, second, actions, replacePaths }) => {
    const tf = await root(first)
    await tf.apply()
    expect(await tf.plan(), 'the plan right after the apply').toEqual([])
    await tf.write({ 'main.tf': header + second })
    const plan = await tf.plan()
    expect(plan.map(change => change.actions).join()).toBe(actions)
    if (replacePaths !== undefined) expect(plan[0]?.replacePaths).toEqual(replacePaths)
    await tf.apply()
    expect(await tf.plan(), 'the plan after the change').toEqual([])
    await tf.destroy()
    expect(harness.world.store.all()).toEqual([])
  })
})

test('computed attributes are unknown when creating and known afterwards', async () => {
  const tf = await root(
    'resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }\nresource "aws_security_group" "g" {\n name = "in"\n vpc_id = aws_vpc.v.id\n}',
  )
  const plan = await tf.plan()
  const group = plan.find(change => change.address === 'aws_security_group.g')
  expect(group?.unknown).toMatchObject({ vpc_id: true, id: true, arn: true })
  expect(group?.after).toMatchObject({ description: 'Managed by Terraform', revoke_rules_on_delete: false })
  await tf.apply()
  const state = await tf.state()
  expect(state['aws_security_group.g']?.['vpc_id']).toBe(state['aws_vpc.v']?.['id'])
  await tf.destroy()
})

test('what recomputes on a change is unknown in its plan', async () => {
  const tf = await root('resource "aws_launch_template" "t" { image_id = "ami-1" }')
  await tf.apply()
  await tf.write({ 'main.tf': `${header}resource "aws_launch_template" "t" { image_id = "ami-2" }` })
  expect((await tf.plan())[0]?.unknown).toMatchObject({ latest_version: true })
  await tf.apply()
  expect((await tf.state())['aws_launch_template.t']?.['latest_version']).toBe(2)
  await tf.destroy()
})

test('a write-only value reaches the cloud and stays out of state and store', async () => {
  const tf = await root(
    'resource "aws_db_instance" "d" {\n instance_class = "db.t4g.micro"\n password_wo = "correct horse"\n password_wo_version = 1\n skip_final_snapshot = true\n}',
  )
  await tf.apply()
  expect(await tf.plan()).toEqual([])
  expect(await tf.run(['state', 'pull'])).not.toContain('correct horse')
  expect(JSON.stringify(harness.world.store.all())).not.toContain('correct horse')
  await tf.destroy()
})

test('deletion protection blocks the deletion until it is taken off', async () => {
  const hcl = (on: boolean) =>
    `${header}resource "aws_db_instance" "d" {\n instance_class = "db.t4g.micro"\n password_wo = "correct horse"\n skip_final_snapshot = true\n deletion_protection = ${on}\n}`
  const tf = await root('')
  await tf.write({ 'main.tf': hcl(true) })
  await tf.apply()
  await expect(tf.destroy()).rejects.toThrow(/Cannot delete protected DB Instance/)
  await tf.write({ 'main.tf': hcl(false) })
  await tf.apply()
  await tf.destroy()
  expect(harness.world.store.all()).toEqual([])
})

test('a dependent that terraform does not know blocks the deletion', async () => {
  const tf = await root('resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }')
  await tf.apply()
  const vpcId = (await tf.state())['aws_vpc.v']?.['id']
  harness.world.store.put('aws_security_group', 'sg-1', { id: 'sg-1', name: 'foreign', vpc_id: vpcId })
  await expect(tf.destroy()).rejects.toThrow(/DependencyViolation/)
  harness.world.store.delete('aws_security_group', 'sg-1')
  await tf.destroy()
})

test('drift shows in the plan, and what vanished is made again', async () => {
  const tf = await root(
    'resource "aws_vpc" "v" {\n cidr_block = "10.0.0.0/16"\n enable_dns_hostnames = true\n}',
  )
  await tf.apply()
  const stored = harness.world.store.list('aws_vpc')[0]
  if (stored === undefined) throw new Error('nothing was stored')
  harness.world.store.put('aws_vpc', stored.id, { ...stored.attributes, enable_dns_hostnames: false })
  expect((await tf.plan()).map(change => change.actions)).toEqual(['update'])
  harness.world.store.delete('aws_vpc', stored.id)
  expect((await tf.plan()).map(change => change.actions)).toEqual(['create'])
  await tf.apply()
  await tf.destroy()
})

test('a lost response leaves a resource that an import block adopts without change', async () => {
  const hcl = 'resource "aws_security_group" "g" { name = "adopted" }'
  const tf = await root(hcl)
  harness.faults.replace([{ on: 'aws_security_group', kind: 'lostResponse', count: 1 }])
  await expect(tf.apply()).rejects.toThrow(/connection reset/)
  expect(harness.world.store.list('aws_security_group')).toHaveLength(1)
  await expect(tf.apply()).rejects.toThrow(/InvalidGroup.Duplicate/)
  await tf.write({ 'main.tf': `${header}${hcl}\nimport {\n to = aws_security_group.g\n id = "adopted"\n}` })
  const plan = await tf.plan()
  expect(plan).toMatchObject([{ actions: 'no-op', importing: true }])
  await tf.apply()
  await tf.destroy()
  expect(harness.world.store.all()).toEqual([])
})

test('importing what does not exist says so', async () => {
  const tf = await root(
    'resource "aws_security_group" "g" { name = "x" }\nimport {\n to = aws_security_group.g\n id = "nope"\n}',
  )
  await expect(tf.plan()).rejects.toThrow(/non-existent/)
})

test.each([
  ['throttle', /ThrottlingException/],
  ['capacity', /InsufficientCapacity/],
  ['expiredCredentials', /ExpiredToken/],
] as const)('a %s fault fails the apply and leaves nothing behind', async (kind, message) => {
  const tf = await root('resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }')
  harness.faults.replace([{ on: 'aws_vpc', kind, count: 1, action: 'create' }])
  await expect(tf.apply()).rejects.toThrow(message)
  expect(harness.world.store.all()).toEqual([])
  await tf.apply()
  await tf.destroy()
})

test('mistakes of the configuration are reported at their attribute', async () => {
  const tf = await root('resource "aws_vpc" "v" { cidr_block = "0.0.0.0/0" }')
  const failure = await tf.plan().catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(TerraformFailed)
  expect(String(failure)).toMatch(/must be \/16 to \/28/)
  expect(String(failure)).toMatch(/main.tf line/)
})

test('a type without a behaviour is refused', async () => {
  const tf = await harness.root({
    files: { 'main.tf': `${header}resource "aws_instance" "i" { ami = "x" }` },
  })
  await expect(tf.init().then(() => tf.plan())).rejects.toThrow(/aws_instance/)
})

test('a data source sees the configuration of its own provider alias', async () => {
  const tf = await root(`
provider "aws" {
  alias  = "west"
  region = "us-west-2"
}
data "aws_caller_identity" "east" {}
data "aws_caller_identity" "west" { provider = aws.west }
output "regions" { value = [data.aws_caller_identity.east.user_id, data.aws_caller_identity.west.user_id] }
`)
  await tf.apply()
  expect(JSON.parse(await tf.run(['output', '-json', 'regions']))).toEqual(['us-east-1', 'us-west-2'])
})

test('an interrupt ends simulated waiting at once, and what was begun is in the state', async () => {
  const slow = await startHarness([testCloud], { timeScale: 1 })
  try {
    const tf = await slow.root({
      files: { 'main.tf': `${header}resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }` },
    })
    await tf.init()
    const started = Date.now()
    const apply = spawn('terraform', ['apply', '-auto-approve', '-input=false', '-no-color'], {
      cwd: tf.folder,
      env: slow.environment,
      stdio: 'ignore',
    })
    const ended = once(apply, 'exit')
    await vi.waitUntil(() => slow.world.store.list('aws_vpc').length === 1, { timeout: 10_000 })
    apply.kill('SIGINT')
    expect(await ended).toEqual([1, null])
    // The creation takes 10 s.
    expect(Date.now() - started).toBeLessThan(9_000)
    expect(Object.keys(await tf.state())).toEqual(['aws_vpc.v'])
  } finally {
    await slow.close()
  }
})
