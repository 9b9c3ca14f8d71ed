import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createAwsCloud } from '../../../src/clouds/aws/aws-cloud.ts'
import { actionsByType } from '../../../src/clouds/aws/policy-actions.ts'
import { createAzureCloud } from '../../../src/clouds/azure/azure-cloud.ts'
import { assignedRoles } from '../../../src/clouds/azure/policy.ts'
import { builtInRoles } from '../../../src/clouds/azure/roles.ts'
import { rolesByPurpose } from '../../../src/clouds/gcp/policy.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { platformId } from '../../../src/config/names.ts'

const root = join(import.meta.dirname, '../../..')
const dns = { cloud: 'aws', zone: 'Z0123456789ABCDEFGHIJ' } as const
const config = { ...defaultSandboxConfig(), domain: 'ml.example.com', dns }
const options = {
  config,
  target: { account: '123456789012', environment: {}, endpoints: {}, backend: {} },
  caFile: undefined,
  platformId: platformId(config),
}

function templates(cloud: string): string {
  const folder = join(root, 'templates/terraform', cloud)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.tf'),
  )
  return files.map(name => readFileSync(join(folder, name), 'utf8')).join('\n')
}

/** Types that the templates make, and with `data` also those that they look up. */
function typesOf(cloud: string, kinds: string): readonly string[] {
  const found = [...templates(cloud).matchAll(new RegExp(`^(?:${kinds}) "(\\w+)"`, 'gm'))]
  return [...new Set(found.flatMap(([, type]) => type ?? []))].sort()
}

describe('the AWS policy', () => {
  const statement = z.object({
    Sid: z.string(),
    Effect: z.literal('Allow'),
    Action: z.union([z.string(), z.array(z.string())]).transform(actions => [actions].flat()),
    Resource: z.union([z.string(), z.array(z.string())]).transform(resources => [resources].flat()),
    Condition: z.unknown().optional(),
  })
  const policy = createAwsCloud(options).policy()
  const { Statement: statements } = z.object({ Statement: z.array(statement) }).parse(policy)
  const allowed = statements.flatMap(({ Action }) => Action)
  const allows = (action: string) =>
    allowed.some(pattern => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(action))

  test('has a row for every resource type of the templates, and for no other', () => {
    expect(Object.keys(actionsByType).sort()).toEqual(typesOf('aws', 'resource'))
  })

  /** Where an SDK's command has another name as an action: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
  const actionsOf: Readonly<Record<string, readonly string[]>> = {
    's3:HeadBucket': ['s3:ListBucket'],
    // Anybody may ask; the role says whose token it takes.
    'sts:AssumeRoleWithWebIdentity': [],
    's3:ListObjectVersions': ['s3:ListBucketVersions'],
    's3:ListObjectsV2': ['s3:ListBucket'],
    's3:DeleteObjects': ['s3:DeleteObject', 's3:DeleteObjectVersion'],
    's3:GetBucketEncryption': ['s3:GetEncryptionConfiguration'],
    's3:PutBucketEncryption': ['s3:PutEncryptionConfiguration'],
    's3:GetPublicAccessBlock': ['s3:GetBucketPublicAccessBlock'],
    's3:PutPublicAccessBlock': ['s3:PutBucketPublicAccessBlock'],
  }
  const services: Readonly<Record<string, string>> = {
    'cloudwatch-logs': 'logs',
    'resource-groups-tagging-api': 'tag',
    'route-53': 'route53',
    'service-quotas': 'servicequotas',
  }

  test("allows what mlp itself asks through AWS's SDK", async () => {
    const folder = join(root, 'src/clouds/aws')
    const asked = new Set<string>()
    for (const name of readdirSync(folder)) {
      const source = readFileSync(join(folder, name), 'utf8')
      const commands = [...source.matchAll(/new (?:\w+\.)?(\w+)Command\(/g)].map(
        ([, command]) => command ?? '',
      )
      const clients = [
        ...source.matchAll(/import\('(?:@aws-sdk\/client-|\.\/(?=s3\.))([\w-]+)(?:\.ts)?'\)/g),
      ].map(([, client]) => client ?? '')
      for (const command of new Set(commands)) {
        const owners = []
        for (const client of new Set(clients)) {
          const sdk: object = await import(`@aws-sdk/client-${client}`)
          if (`${command}Command` in sdk) owners.push(services[client] ?? client)
        }
        expect(owners, `${name} makes a ${command}Command`).toHaveLength(1)
        asked.add(`${owners[0]}:${command}`)
      }
    }
    expect(asked.size).toBeGreaterThan(40)
    const wanted = [...asked].flatMap(action => actionsOf[action] ?? [action])
    expect(wanted.filter(action => !allows(action))).toEqual([])
  })

  test('allows no service as a whole, and changes only where a name or the region confines it', () => {
    expect(allowed.filter(action => /:\*$/.test(action))).toEqual([])
    const open = statements.filter(
      ({ Resource, Condition }) => Resource.includes('*') && Condition === undefined,
    )
    expect(open.map(({ Sid }) => Sid)).toEqual(['Read', 'Names'])
    const reads = /:(Describe|Get|List|View)/
    // No resource confines it: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html
    const made = ['route53:CreateHealthCheck']
    expect(open.flatMap(({ Action }) => Action).filter(action => !reads.test(action))).toEqual(made)
  })

  test("fits into a role's inline policies, whatever the project is called", () => {
    const longest = { ...config, project: 'a'.repeat(32) }
    const document = JSON.stringify(createAwsCloud({ ...options, config: longest }).policy())
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    expect(document.replaceAll(/\s/g, '').length).toBeLessThanOrEqual(10_240)
  })
})

test('every resource type on Google Cloud has the role that it needs', () => {
  expect(rolesByPurpose.flatMap(({ types }) => types).sort()).toEqual(typesOf('gcp', 'resource|data'))
})

describe("Azure's roles", () => {
  test('may be assigned where a template or mlp assigns them, and no others', () => {
    const named = [
      ...templates('azure').matchAll(/(?:role_definition_name\s+=|\brole =) "([^"]+)"/g),
    ].flatMap(([, name]) => name ?? [])
    const own = Object.entries(assignedRoles).filter(([, id]) =>
      Object.values(builtInRoles).some(role => role === id),
    )
    expect(own).toHaveLength(Object.keys(builtInRoles).length)
    expect(Object.keys(assignedRoles).sort()).toEqual(
      [...new Set([...named, ...own.map(([name]) => name)])].sort(),
    )
  })

  test('are in the condition of the one who assigns', () => {
    const text = JSON.stringify(createAzureCloud(options).policy())
    for (const id of Object.values(assignedRoles)) expect(text.split(id)).toHaveLength(3)
  })
})
