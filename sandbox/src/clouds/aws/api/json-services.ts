import { CloudError } from '../../../behaviour.ts'
import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import { firstObject, integer, objects, text, texts } from '../attributes.ts'
import { pendingKeyType } from '../behaviours/kms.ts'
import { masterPassword } from '../behaviours/rds.ts'
import { inRegion, tagsOf } from '../naming.ts'
import { sha256 } from '../sigv4.ts'
import type { ApiScope } from './answer.ts'
import { logEventOperations } from './audit-log.ts'
import { budgetOperations, costExplorerOperations } from './budgets.ts'
import { ecrOperations } from './ecr.ts'
import type { Operation } from './operation.ts'
import { pricingOperations } from './pricing.ts'
import { quotaOperations } from './quotas.ts'

function seconds(timestamp: string | undefined): number | undefined {
  return timestamp === undefined ? undefined : Date.parse(timestamp) / 1000
}

/** The same for the same text. */
function stableUuid(text: string): string {
  const hex = sha256(text)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function tagList(resource: StoredResource | undefined): readonly { Key: string; Value: string }[] {
  return resource === undefined
    ? []
    : Object.entries(tagsOf(resource)).map(([Key, Value]) => ({ Key, Value }))
}

const kms: Readonly<Record<string, Operation>> = {
  ListAliases: (_input, { world, region }) => ({
    Truncated: false,
    Aliases: inRegion(world, 'aws_kms_alias', region).map(({ id, attributes }) => ({
      AliasName: id,
      AliasArn: text(attributes, 'arn'),
      TargetKeyId: text(attributes, 'target_key_arn')?.split('/').at(-1),
    })),
  }),
  ListKeys: (_input, { world, region }) => ({
    Truncated: false,
    Keys: [...inRegion(world, 'aws_kms_key', region), ...inRegion(world, pendingKeyType, region)].map(
      key => ({
        KeyId: key.id,
        KeyArn: text(key.attributes, 'arn'),
      }),
    ),
  }),
  DescribeKey: (input, { world }) => ({ KeyMetadata: showKey(keyOf(input, world), world) }),
  ListResourceTags: (input, { world }) => ({
    Truncated: false,
    Tags: Object.entries(tagsOf(keyOf(input, world))).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
  }),
}

function keyOf(input: Attributes, world: ApiScope['world']): StoredResource {
  const asked = text(input, 'KeyId') ?? ''
  const alias = world.store.get('aws_kms_alias', asked.slice(Math.max(asked.indexOf('alias/'), 0)))
  const id = (text(alias?.attributes ?? {}, 'target_key_arn') ?? asked).split('/').at(-1) ?? ''
  const key = world.store.get('aws_kms_key', id) ?? world.store.get(pendingKeyType, id)
  if (key === undefined) throw new CloudError('NotFoundException', `Key '${asked}' does not exist`)
  return key
}

function showKey(key: StoredResource, world: ApiScope['world']): object {
  const pending = key.type === pendingKeyType
  return {
    KeyId: key.id,
    Arn: text(key.attributes, 'arn'),
    AWSAccountId: world.secrets.awsAccountId,
    CreationDate: seconds(key.createdAt),
    Enabled: !pending,
    Description: text(key.attributes, 'description'),
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeyState: pending ? 'PendingDeletion' : 'Enabled',
    KeyManager: 'CUSTOMER',
    ...(pending ? { DeletionDate: seconds(text(key.attributes, 'deletion_date')) } : {}),
  }
}

const logs: Readonly<Record<string, Operation>> = {
  ...logEventOperations,
  DescribeLogGroups: (input, { world, region }) => ({
    logGroups: inRegion(world, 'aws_cloudwatch_log_group', region)
      .filter(group => group.id.startsWith(text(input, 'logGroupNamePrefix') ?? ''))
      .map(({ id, attributes, createdAt }) => ({
        logGroupName: id,
        arn: `${text(attributes, 'arn')}:*`,
        logGroupArn: text(attributes, 'arn'),
        creationTime: Date.parse(createdAt),
        retentionInDays: integer(attributes, 'retention_in_days') || undefined,
        kmsKeyId: text(attributes, 'kms_key_id'),
      })),
  }),
  ListTagsForResource: (input, { world, region }) => {
    const arn = (text(input, 'resourceArn') ?? '').replace(/:\*$/, '')
    const group = inRegion(world, 'aws_cloudwatch_log_group', region).find(
      one => one.attributes['arn'] === arn,
    )
    if (group === undefined)
      throw new CloudError('ResourceNotFoundException', 'The specified log group does not exist.')
    return { tags: tagsOf(group) }
  },
}

const secrets: Readonly<Record<string, Operation>> = {
  /** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html: the user and its password. */
  GetSecretValue: (input, { world, region }) => {
    const wanted = text(input, 'SecretId') ?? ''
    for (const { attributes, createdAt } of inRegion(world, 'aws_db_instance', region)) {
      const secret = text(firstObject(attributes, 'master_user_secret'), 'secret_arn')
      const name = secret?.split(':').at(-1)?.slice(0, -7)
      if (secret === undefined || (wanted !== secret && wanted !== name)) continue
      const username = text(attributes, 'username') ?? 'postgres'
      return {
        ARN: secret,
        Name: name,
        VersionId: stableUuid(secret),
        SecretString: JSON.stringify({ username, password: masterPassword(world, attributes) }),
        VersionStages: ['AWSCURRENT'],
        CreatedDate: seconds(createdAt),
      }
    }
    throw new CloudError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.", 400)
  },
  ListSecrets: (_input, { world, region }) => ({
    SecretList: inRegion(world, 'aws_db_instance', region)
      .map(db => ({ db, secret: text(firstObject(db.attributes, 'master_user_secret'), 'secret_arn') }))
      .filter(({ secret }) => secret !== undefined)
      .map(({ db, secret }) => ({
        ARN: secret,
        Name: secret?.split(':').at(-1)?.slice(0, -7),
        OwningService: 'rds',
        Tags: [{ Key: 'aws:rds:primaryDBInstanceArn', Value: text(db.attributes, 'arn') }],
      })),
  }),
}

/** Types that the tagging API does not list: IAM's roles, and what has no tags. */
const untaggedTypes = new Set(['aws_budgets_budget', 'aws_iam_role', 'aws_default_security_group'])

const tagging: Readonly<Record<string, Operation>> = {
  GetResources: (input, { world, region }) => {
    const filters = objects(input, 'TagFilters').map(filter => ({
      key: text(filter, 'Key') ?? '',
      values: texts(filter, 'Values'),
    }))
    const wanted = texts(input, 'ResourceARNList')
    const found = world.store.all().filter(resource => {
      const arn = arnOf(resource, { world, region })
      if (wanted.length > 0 && (arn === undefined || !wanted.includes(arn))) return false
      if (arn === undefined || untaggedTypes.has(resource.type)) return false
      const itsRegion = arn.split(':')[3]
      if (itsRegion !== '' && itsRegion !== region) return false
      const tags = tagsOf(resource)
      return filters.every(({ key, values }) => {
        const value = tags[key]
        return value !== undefined && (values.length === 0 || values.includes(value))
      })
    })
    return {
      PaginationToken: '',
      ResourceTagMappingList: found.map(resource => ({
        ResourceARN: arnOf(resource, { world, region }),
        Tags: tagList(resource),
      })),
    }
  },
}

function arnOf(resource: StoredResource, scope: ApiScope): string | undefined {
  const own =
    text(resource.attributes, 'arn') ??
    text(resource.attributes, 'access_entry_arn') ??
    text(resource.attributes, 'association_arn')
  if (own !== undefined) return own
  const names: Readonly<Record<string, string>> = {
    aws_nat_gateway: 'natgateway',
    aws_ebs_volume: 'volume',
    aws_ebs_snapshot: 'snapshot',
    aws_network_interface: 'network-interface',
  }
  const name = names[resource.type]
  return name === undefined
    ? undefined
    : `arn:aws:ec2:${scope.region}:${scope.world.secrets.awsAccountId}:${name}/${resource.id}`
}

export const jsonServices: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  budgets: budgetOperations,
  ce: costExplorerOperations,
  ecr: ecrOperations,
  kms,
  logs,
  pricing: pricingOperations,
  secretsmanager: secrets,
  servicequotas: quotaOperations,
  tagging,
}
