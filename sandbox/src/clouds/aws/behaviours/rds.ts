import { createHmac, randomUUID } from 'node:crypto'
import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import { restoredFact } from '../../../servers/restored.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { flag, integer, objects, requiredText, text, texts } from '../attributes.ts'
import { arn, mustBeFree, mustExist, regionOf, stableLetters, upperId, withTags } from '../naming.ts'
import { mustHaveSubnets } from './vpc.ts'

/** Snapshots are no terraform resources of ours; RDS keeps them when the instance goes. */
export const snapshotType = 'aws_db_snapshot'

const subnetGroup: Behaviour = {
  type: 'aws_db_subnet_group',
  source:
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html, API_DeleteDBSubnetGroup.html',
  seconds: { create: 2, update: 1, delete: 1 },
  refuses: { create: ['DBSubnetGroupAlreadyExists'], delete: ['InvalidDBSubnetGroupStateFault'] },
  validate: configured => nameProblems(configured, 'name', /^[a-z0-9 ._-]{1,255}$/),
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(
      scope,
      'aws_db_subnet_group',
      name,
      'DBSubnetGroupAlreadyExists',
      `The DB subnet group '${name}' already exists.`,
    )
    const subnets = texts(planned, 'subnet_ids')
    mustHaveSubnets(scope, subnets, 'InvalidSubnet')
    const attributes = subnets.map(id => scope.world.store.get('aws_subnet', id)?.attributes ?? {})
    if (new Set(attributes.map(subnet => subnet['availability_zone'])).size < 2)
      throw new CloudError(
        'DBSubnetGroupDoesNotCoverEnoughAZs',
        "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Please add subnets to cover at least 2 AZs.",
      )
    return {
      name_prefix: '',
      ...withTags(planned, scope),
      id: name,
      arn: arn(scope, 'rds', `subgrp:${name}`),
      supported_network_types: ['IPV4'],
      vpc_id: attributes[0]?.['vpc_id'],
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const name = requiredText(prior, 'name')
    if (usedBy(scope, 'db_subnet_group_name', name))
      throw new CloudError(
        'InvalidDBSubnetGroupStateFault',
        `Cannot delete the subnet group '${name}' because at least one database instance is still using it.`,
      )
  },
}

const parameterGroup: Behaviour = {
  type: 'aws_db_parameter_group',
  source:
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html, API_DeleteDBParameterGroup.html',
  seconds: { create: 3, update: 3, delete: 1 },
  refuses: { create: ['DBParameterGroupAlreadyExists'], delete: ['InvalidDBParameterGroupState'] },
  validate: configured => nameProblems(configured, 'name', /^[a-z](-?[a-z0-9])*$/),
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(
      scope,
      'aws_db_parameter_group',
      name,
      'DBParameterGroupAlreadyExists',
      `Parameter group ${name} already exists`,
    )
    const family = requiredText(planned, 'family')
    if (!/^postgres1[3-8]$/.test(family))
      throw new CloudError(
        'InvalidParameterValue',
        `ParameterGroupFamily ${family} is not a valid parameter group family`,
      )
    return {
      name_prefix: '',
      ...withTags(planned, scope),
      parameter: objects(planned, 'parameter').map(parameter => ({
        ...parameter,
        apply_method: text(parameter, 'apply_method') ?? 'immediate',
      })),
      id: name,
      arn: arn(scope, 'rds', `pg:${name}`),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const name = requiredText(prior, 'name')
    if (usedBy(scope, 'parameter_group_name', name))
      throw new CloudError(
        'InvalidDBParameterGroupState',
        `One or more database instances are still members of this parameter group ${name}, so the group cannot be deleted`,
      )
  },
}

const instance: Behaviour = {
  type: 'aws_db_instance',
  source:
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html, API_DeleteDBInstance.html; https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html',
  seconds: { create: 420, update: 180, delete: 240 },
  refuses: {
    create: ['DBInstanceAlreadyExists'],
    delete: ['InvalidParameterCombination', 'DBSnapshotAlreadyExists'],
  },
  validate(configured) {
    const problems = nameProblems(configured, 'identifier', /^[a-z](-?[a-z0-9]){0,62}$/)
    if (flag(configured, 'manage_master_user_password') && text(configured, 'password') !== undefined)
      return [
        ...problems,
        { path: 'password', message: '"password": conflicts with manage_master_user_password' },
      ]
    return problems
  },
  async create(planned, scope) {
    const identifier = requiredText(planned, 'identifier')
    const taken = scope.world.store
      .list('aws_db_instance')
      .some(({ attributes }) => attributes['identifier'] === identifier)
    if (taken) throw new CloudError('DBInstanceAlreadyExists', 'DB instance already exists')
    checkInstance(planned, scope)
    const region = regionOf(scope)
    const host = `${identifier}.c${stableLetters(scope.world.secrets.awsAccountId, 11)}.${region}.rds.amazonaws.com`
    const resourceId = upperId('db-', 26)
    const port = integer(planned, 'port') ?? 5432
    const secretName = `rds!db-${randomUUID()}`
    return {
      ...instanceDefaults(planned, scope),
      ...withTags(planned, scope),
      id: resourceId,
      address: host,
      endpoint: `${host}:${port}`,
      port,
      arn: arn(scope, 'rds', `db:${identifier}`),
      resource_id: resourceId,
      hosted_zone_id: 'Z2R2ITUGPM61AM',
      status: 'available',
      engine_version: text(planned, 'engine_version'),
      engine_version_actual: actualVersion(text(planned, 'engine_version') ?? '17'),
      latest_restorable_time: new Date().toISOString(),
      master_user_secret: flag(planned, 'manage_master_user_password')
        ? [
            {
              secret_arn: arn(
                scope,
                'secretsmanager',
                `secret:${secretName}-${stableLetters(secretName, 6)}`,
              ),
              secret_status: 'active',
              kms_key_id: text(planned, 'master_user_secret_kms_key_id') ?? 'alias/aws/secretsmanager',
            },
          ]
        : [],
    }
  },
  recomputedOn: { engine_version_actual: ['engine_version'] },
  async update(prior, planned, scope) {
    checkInstance(planned, scope)
    const smaller = (integer(planned, 'allocated_storage') ?? 0) < (integer(prior, 'allocated_storage') ?? 0)
    if (smaller)
      throw new CloudError(
        'InvalidParameterCombination',
        'Invalid storage size for engine name postgres and storage type gp3: storage cannot be reduced',
      )
    return {
      ...prior,
      ...withTags(planned, scope),
      engine_version_actual: actualVersion(text(planned, 'engine_version') ?? '17'),
    }
  },
  async remove(prior, scope) {
    deleteInstance(
      prior,
      {
        skipFinalSnapshot: flag(prior, 'skip_final_snapshot'),
        finalSnapshot: text(prior, 'final_snapshot_identifier'),
      },
      scope,
    )
  },
  // terraform imports it by its identifier.
  importId: (importId, scope) =>
    scope.world.store.list('aws_db_instance').find(db => db.attributes['identifier'] === importId)?.id,
}

/** The master user's: what was configured, or what RDS made for Secrets Manager, which follows from the instance. */
export function masterPassword(world: World, attributes: Attributes): string {
  const configured = text(attributes, 'password')
  if (configured !== undefined && !flag(attributes, 'manage_master_user_password')) return configured
  return createHmac('sha256', world.secrets.tokenSigningKeyPem)
    .update(`rds:${requiredText(attributes, 'resource_id')}`)
    .digest('base64url')
}

/** What DeleteDBInstance refuses and leaves behind; used by terraform's behaviour and by the API alike. */
export function deleteInstance(
  attributes: Attributes,
  options: { readonly skipFinalSnapshot: boolean; readonly finalSnapshot: string | undefined },
  scope: Pick<BehaviourScope, 'world'>,
): void {
  const { store } = scope.world
  const current = store.get('aws_db_instance', requiredText(attributes, 'id'))?.attributes ?? attributes
  const identifier = requiredText(current, 'identifier')
  if (flag(current, 'deletion_protection'))
    throw new CloudError(
      'InvalidParameterCombination',
      'Cannot delete protected DB Instance, please disable deletion protection and try again.',
    )
  store.deleteFact(restoredFact, `aws/${identifier}`)
  if (options.skipFinalSnapshot) return
  const snapshot = options.finalSnapshot
  if (snapshot === undefined)
    throw new CloudError(
      'InvalidParameterCombination',
      'FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.',
    )
  if (store.get(snapshotType, snapshot) !== undefined)
    throw new CloudError(
      'DBSnapshotAlreadyExists',
      `Cannot create the snapshot because a snapshot with the identifier ${snapshot} already exists.`,
    )
  store.put(snapshotType, snapshot, {
    db_snapshot_identifier: snapshot,
    db_instance_identifier: identifier,
    arn: requiredText(current, 'arn').replace(/:db:.*/, `:snapshot:${snapshot}`),
    status: 'available',
    engine: current['engine'],
    allocated_storage: current['allocated_storage'],
    storage_encrypted: current['storage_encrypted'],
    tags: flag(current, 'copy_tags_to_snapshot') ? current['tags_all'] : {},
  })
}

function checkInstance(planned: Attributes, scope: BehaviourScope): void {
  const group = text(planned, 'db_subnet_group_name')
  if (group !== undefined)
    mustExist(
      scope,
      'aws_db_subnet_group',
      group,
      'DBSubnetGroupNotFoundFault',
      `DB subnet group '${group}' does not exist.`,
    )
  const parameters = text(planned, 'parameter_group_name')
  const major = (text(planned, 'engine_version') ?? '17').split('.')[0]
  if (parameters !== undefined && !parameters.startsWith('default.')) {
    const found = mustExist(
      scope,
      'aws_db_parameter_group',
      parameters,
      'DBParameterGroupNotFound',
      `DBParameterGroup not found: ${parameters}`,
    )
    if (found.attributes['family'] !== `postgres${major}`)
      throw new CloudError(
        'InvalidParameterCombination',
        `The parameter group ${parameters} with DBParameterGroupFamily ${text(found.attributes, 'family')} can't be used for this instance. Please use a Parameter Group with DBParameterGroupFamily postgres${major}`,
      )
  }
  for (const id of texts(planned, 'vpc_security_group_ids'))
    mustExist(
      scope,
      'aws_security_group',
      id,
      'InvalidParameterValue',
      `The security group '${id}' does not exist`,
    )
  if (
    text(planned, 'engine') !== 'postgres' ||
    !/^1[3-8](\.\d+)?$/.test(text(planned, 'engine_version') ?? '17')
  )
    throw new CloudError(
      'InvalidParameterCombination',
      `Cannot find version ${text(planned, 'engine_version')} for ${text(planned, 'engine')}`,
    )
  if (!/^db\.[a-z0-9]+\.\w+$/.test(requiredText(planned, 'instance_class')))
    throw new CloudError(
      'InvalidParameterValue',
      `Invalid DB Instance class: ${text(planned, 'instance_class')}`,
    )
  const retention = integer(planned, 'backup_retention_period') ?? 0
  if (retention > 35)
    throw new CloudError(
      'InvalidParameterValue',
      `Invalid backup retention period: ${retention}. Must be between 0 and 35`,
    )
  if (text(planned, 'storage_type') === 'gp3' && (integer(planned, 'allocated_storage') ?? 20) < 20)
    throw new CloudError(
      'InvalidParameterCombination',
      'Invalid storage size for engine name postgres and storage type gp3',
    )
}

function instanceDefaults(planned: Attributes, scope: BehaviourScope): Attributes {
  return {
    availability_zone: `${regionOf(scope)}a`,
    backup_retention_period: 0,
    backup_target: 'region',
    backup_window: '03:00-03:30',
    ca_cert_identifier: 'rds-ca-rsa2048-g1',
    character_set_name: '',
    database_insights_mode: 'standard',
    domain_fqdn: '',
    engine_lifecycle_support: 'open-source-rds-extended-support',
    identifier_prefix: '',
    // gp3 below 400 GiB; https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
    iops: 3000,
    storage_throughput: 125,
    license_model: 'postgresql-license',
    listener_endpoint: [],
    maintenance_window: 'sun:04:00-sun:04:30',
    monitoring_role_arn: '',
    multi_az: false,
    nchar_character_set_name: '',
    network_type: 'IPV4',
    option_group_name: `default:postgres-${(text(planned, 'engine_version') ?? '17').split('.')[0]}`,
    performance_insights_kms_key_id: '',
    performance_insights_retention_period: planned['performance_insights_enabled'] === true ? 7 : 0,
    replica_mode: '',
    replicas: [],
    snapshot_identifier: '',
    timezone: '',
  }
}

/** RDS runs the newest minor of the major that was asked for. */
function actualVersion(wanted: string): string {
  const newest: Readonly<Record<string, string>> = {
    13: '13.21',
    14: '14.18',
    15: '15.13',
    16: '16.9',
    17: '17.5',
    18: '18.1',
  }
  return wanted.includes('.') ? wanted : (newest[wanted] ?? wanted)
}

function usedBy(scope: BehaviourScope, key: string, name: string): boolean {
  return scope.world.store.list('aws_db_instance').some(db => db.attributes[key] === name)
}

function nameProblems(configured: Attributes, key: string, pattern: RegExp) {
  const name = text(configured, key)
  return name === undefined || pattern.test(name)
    ? []
    : [
        {
          path: key,
          message: `"${name}" is not a valid ${key}: only lowercase alphanumeric characters and hyphens allowed`,
        },
      ]
}

export const rdsBehaviours: readonly Behaviour[] = [subnetGroup, parameterGroup, instance]
