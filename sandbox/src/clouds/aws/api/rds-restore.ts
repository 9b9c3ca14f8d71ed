import { CloudError } from '../../../behaviour.ts'
import { restorable } from '../../../servers/restorable.ts'
import { restoredFact } from '../../../servers/restored.ts'
import { integer, requiredText, text, texts } from '../attributes.ts'
import { inRegion, stableLetters, upperId } from '../naming.ts'
import type { ApiScope, XmlValue } from './answer.ts'
import { showInstance } from './rds-instance.ts'

/**
 * A second instance with the first one's data. Real: the data are copied from the running server. Simulated: they are
 * those of now, whatever moment is asked for, and the instance is available at once.
 * https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html
 */
export function restoreInstance(
  input: URLSearchParams,
  { world, region }: ApiScope,
): { readonly [name: string]: XmlValue } {
  const { store } = world
  const named = (name: string | null) =>
    inRegion(world, 'aws_db_instance', region).find(db => text(db.attributes, 'identifier') === name)
  const source = named(input.get('SourceDBInstanceIdentifier'))
  const identifier = input.get('TargetDBInstanceIdentifier') ?? ''
  if (source === undefined)
    throw new CloudError(
      'DBInstanceNotFound',
      `DBInstance ${input.get('SourceDBInstanceIdentifier')} not found.`,
      404,
    )
  if (!/^[a-z](-?[a-z0-9]){0,62}$/i.test(identifier))
    throw new CloudError(
      'InvalidParameterValue',
      'The parameter TargetDBInstanceIdentifier is not a valid identifier.',
    )
  if (named(identifier) !== undefined)
    throw new CloudError('DBInstanceAlreadyExists', 'DB instance already exists')
  const times = restorable(source.createdAt, integer(source.attributes, 'backup_retention_period') ?? 0)
  if (times === undefined)
    throw new CloudError(
      'PointInTimeRestoreNotEnabled',
      `The source DB instance ${text(source.attributes, 'identifier')} has automatic backups disabled.`,
    )
  mustNameMoment(input, times)
  const id = upperId('db-', 26)
  const host = `${identifier}.c${stableLetters(world.secrets.awsAccountId, 11)}.${region}.rds.amazonaws.com`
  const groups = listOf(input, 'VpcSecurityGroupIds.VpcSecurityGroupId')
  const port = integer(source.attributes, 'port') ?? 5432
  const tags = Object.fromEntries(
    listOf(input, 'Tags.Tag', '.Key').map((key, index) => [
      key,
      input.get(`Tags.Tag.${index + 1}.Value`) ?? '',
    ]),
  )
  // First the fact: the server starts as soon as the instance is there.
  store.putFact(restoredFact, `aws/${identifier}`, `aws/${text(source.attributes, 'identifier')}`)
  const restored = store.put('aws_db_instance', id, {
    ...source.attributes,
    ...{ id, identifier, resource_id: id, address: host, port, endpoint: `${host}:${port}` },
    arn: requiredText(source.attributes, 'arn').replace(/:db:.*/, `:db:${identifier}`),
    instance_class: input.get('DBInstanceClass') ?? source.attributes['instance_class'],
    db_subnet_group_name: input.get('DBSubnetGroupName') ?? source.attributes['db_subnet_group_name'],
    vpc_security_group_ids: groups.length > 0 ? groups : texts(source.attributes, 'vpc_security_group_ids'),
    multi_az: input.get('MultiAZ') === 'true',
    deletion_protection: input.get('DeletionProtection') === 'true',
    // Its password is the source's; Secrets Manager keeps none for it.
    ...{ manage_master_user_password: false, master_user_secret: [], tags, tags_all: tags },
  })
  return { DBInstance: { ...showInstance(restored), DBInstanceStatus: 'creating' } }
}

function mustNameMoment(
  input: URLSearchParams,
  { earliest, latest }: { readonly earliest: string; readonly latest: string },
): void {
  const asked = input.get('RestoreTime')
  const isLatest = input.get('UseLatestRestorableTime') === 'true'
  if ((asked === null) === !isLatest)
    throw new CloudError(
      'InvalidParameterCombination',
      'Either RestoreTime or UseLatestRestorableTime has to be specified, and not both.',
    )
  if (asked === null) return
  const time = Date.parse(asked)
  if (!(time >= Date.parse(earliest) && time <= Date.parse(latest)))
    throw new CloudError(
      'InvalidParameterValue',
      `The specified time ${asked} is not between ${earliest} and ${latest}.`,
    )
}

/** `<name>.1<field>`, `<name>.2<field>` and so on. */
function listOf(input: URLSearchParams, name: string, field = ''): readonly string[] {
  const found: string[] = []
  for (let index = 1; ; index++) {
    const value = input.get(`${name}.${index}${field}`)
    if (value === null) return found
    found.push(value)
  }
}
