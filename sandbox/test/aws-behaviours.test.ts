import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contains, overlap, parseRange } from '../src/addresses.ts'
import { aws } from '../src/clouds/aws/index.ts'
import { instanceType } from '../src/clouds/aws/instance-types.ts'
import { type Harness, startHarness } from './terraform-harness.ts'

const folder = fileURLToPath(new URL('../../templates/terraform/aws', import.meta.url))
const hcl = ['foundation', 'cluster']
  .flatMap(root => readdirSync(`${folder}/${root}`).map(file => `${folder}/${root}/${file}`))
  .map(file => readFileSync(file, 'utf8'))
  .join('\n')

describe('every type of the templates has a behaviour with a source', () => {
  test.each([...new Set([...hcl.matchAll(/^resource "(\w+)"/gm)].map(match => match[1]))])('%s', type => {
    const behaviour = aws.behaviours.find(one => one.type === type)
    expect(behaviour?.source).toMatch(/^https:\/\//)
  })
  test.each([...new Set([...hcl.matchAll(/^data "(\w+)"/gm)].map(match => match[1]))])('data %s', type => {
    expect(aws.dataSources.find(one => one.type === type)?.source).toMatch(/^https:\/\//)
  })
})

describe('what AWS refuses', () => {
  let harness: Harness
  beforeAll(async () => {
    harness = await startHarness([aws])
  })
  afterAll(() => harness.close())
  const header = 'provider "aws" {\n  region = "us-east-1"\n}\n'
  const vpc = 'resource "aws_vpc" "v" {\n  cidr_block = "10.0.0.0/16"\n}\n'
  const role = (name: string) =>
    `resource "aws_iam_role" "${name}" {\n  name = "${name}"\n  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "eks.amazonaws.com" } }] })\n}\n`

  test.each([
    [
      'a bucket name that is taken',
      'resource "aws_s3_bucket" "b" {\n  bucket = "models"\n}',
      /BucketAlreadyExists/,
    ],
    [
      'an impossible bucket name',
      'resource "aws_s3_bucket" "b" {\n  bucket = "Not_A_Bucket"\n}',
      /not a valid bucket name/,
    ],
    [
      'a subnet outside its VPC',
      `${vpc}resource "aws_subnet" "s" {\n  vpc_id = aws_vpc.v.id\n  cidr_block = "192.168.0.0/24"\n}`,
      /InvalidSubnet.Range/,
    ],
    [
      'subnets that overlap',
      `${vpc}resource "aws_subnet" "s" {\n  count = 2\n  vpc_id = aws_vpc.v.id\n  cidr_block = "10.0.0.0/24"\n}`,
      /InvalidSubnet.Conflict/,
    ],
    [
      'a second role of the same name',
      `${role('same')}${role('same').replace('" "same"', '" "other"')}`,
      /EntityAlreadyExists/,
    ],
    [
      'an IAM cache user with two names',
      'resource "aws_elasticache_user" "u" {\n  user_id = "one"\n  user_name = "two"\n  engine = "valkey"\n  access_string = "on ~* +@all"\n  authentication_mode {\n    type = "iam"\n  }\n}',
      /same as the user id/,
    ],
    [
      'a key window of three days',
      'resource "aws_kms_key" "k" {\n  deletion_window_in_days = 3\n}',
      /range \(7 - 30\)/,
    ],
    [
      'an odd log retention',
      'resource "aws_cloudwatch_log_group" "l" {\n  name = "l"\n  retention_in_days = 8\n}',
      /retention_in_days to be one of/,
    ],
  ])(
    '%s',
    async (_name, text, message) => {
      const root = await harness.root({ files: { 'main.tf': header + text } })
      await root.init()
      await expect(root.apply()).rejects.toThrow(message)
      // What was made before the refusal must not stand in the next row's way.
      await root.write({ 'main.tf': header })
      await root.apply()
    },
    60_000,
  )
})

test.each([
  ['10.0.0.0/16', '10.0.4.0/24', true, true],
  ['10.0.4.0/24', '10.0.0.0/16', false, true],
  ['10.0.0.0/16', '10.1.0.0/16', false, false],
])('%s contains %s: %s, overlaps: %s', (outer, inner, isInside, isShared) => {
  expect(contains(outer, inner)).toBe(isInside)
  expect(overlap(outer, inner)).toBe(isShared)
})

test('only IPv4 ranges parse', () => {
  for (const text of ['10.0.0.0', '300.0.0.0/8', '10.0.0.0/33', 'fd00::/8'])
    expect(parseRange(text)).toBeUndefined()
})

test('instance types are what EC2 says', () => {
  expect(instanceType('m6i.large')).toEqual({ vcpus: 2, memoryGib: 8, gpus: 0 })
  expect(instanceType('g5.xlarge')).toEqual({ vcpus: 4, memoryGib: 16, gpus: 1 })
  expect(instanceType('z9.huge')).toBeUndefined()
})
