import { CloudError } from '../../../behaviour.ts'
import type { StoredResource } from '../../../store/resource-store.ts'
import { flag, objects, text, texts } from '../attributes.ts'
import { deleteInstance, snapshotType } from '../behaviours/rds.ts'
import { globalArn, inRegion, tagsOf } from '../naming.ts'
import { callerArn } from '../token.ts'
import { type ApiScope, members, XmlList, type XmlValue } from './answer.ts'
import { showInstance } from './rds-instance.ts'
import { restoreInstance } from './rds-restore.ts'

type Operation = (input: URLSearchParams, scope: ApiScope) => { readonly [name: string]: XmlValue }

function tagMembers(resource: StoredResource): XmlValue {
  return members(Object.entries(tagsOf(resource)).map(([key, value]) => ({ Key: key, Value: value })))
}

/** All, or the one that was asked for by name, or the service's not-found error. */
function asked(
  all: readonly StoredResource[],
  wanted: string | null,
  name: (resource: StoredResource) => string | undefined,
  code: string,
  status = 404,
): readonly StoredResource[] {
  if (wanted === null) return all
  const found = all.filter(resource => name(resource) === wanted)
  if (found.length === 0) throw new CloudError(code, `${wanted} not found.`, status)
  return found
}

export const stsOperations: Readonly<Record<string, Operation>> = {
  GetCallerIdentity: (_input, { world, session }) => ({
    Arn:
      session === undefined
        ? callerArn(world)
        : globalArn(world, 'sts', `assumed-role/${session.role}/${session.session}`),
    UserId: session === undefined ? 'AIDASANDBOX0000000000' : `AROASANDBOX0000000000:${session.session}`,
    Account: world.secrets.awsAccountId,
  }),
}

export const iamOperations: Readonly<Record<string, Operation>> = {
  GetRole: (input, { world }) => {
    const [role] = asked(
      world.store.list('aws_iam_role'),
      input.get('RoleName'),
      role => role.id,
      'NoSuchEntity',
    )
    return { Role: role === undefined ? undefined : showRole(role) }
  },
  GetOpenIDConnectProvider: (input, { world }) => {
    const [provider] = asked(
      world.store.list('aws_iam_openid_connect_provider'),
      input.get('OpenIDConnectProviderArn'),
      one => one.id,
      'NoSuchEntity',
    )
    if (provider === undefined) return {}
    return {
      Url: (text(provider.attributes, 'url') ?? '').replace('https://', ''),
      ClientIDList: members(texts(provider.attributes, 'client_id_list')),
      ThumbprintList: members(texts(provider.attributes, 'thumbprint_list')),
      CreateDate: provider.createdAt,
      Tags: tagMembers(provider),
    }
  },
  ListOpenIDConnectProviders: (_input, { world }) => ({
    OpenIDConnectProviderList: members(
      world.store.list('aws_iam_openid_connect_provider').map(({ id }) => ({ Arn: id })),
    ),
  }),
  ListRoles: (_input, { world }) => ({
    IsTruncated: false,
    Roles: members(world.store.list('aws_iam_role').map(showRole)),
  }),
  ListRoleTags: (input, { world }) => {
    const [role] = asked(
      world.store.list('aws_iam_role'),
      input.get('RoleName'),
      one => one.id,
      'NoSuchEntity',
    )
    return { IsTruncated: false, Tags: role === undefined ? members([]) : tagMembers(role) }
  },
  GetRolePolicy: (input, { world }) => {
    const id = `${input.get('RoleName')}:${input.get('PolicyName')}`
    const policy = world.store.get('aws_iam_role_policy', id)
    if (policy === undefined)
      throw new CloudError(
        'NoSuchEntity',
        `The role policy with name ${input.get('PolicyName')} cannot be found.`,
        404,
      )
    return {
      RoleName: input.get('RoleName') ?? '',
      PolicyName: input.get('PolicyName') ?? '',
      PolicyDocument: encodeURIComponent(text(policy.attributes, 'policy') ?? ''),
    }
  },
  ListAttachedRolePolicies: (input, { world }) => ({
    IsTruncated: false,
    AttachedPolicies: members(
      world.store
        .list('aws_iam_role_policy_attachment')
        .filter(attachment => attachment.attributes['role'] === input.get('RoleName'))
        .map(({ attributes }) => ({
          PolicyArn: text(attributes, 'policy_arn'),
          PolicyName: text(attributes, 'policy_arn')?.split('/').at(-1),
        })),
    ),
  }),
}

function showRole(role: StoredResource): { readonly [name: string]: XmlValue } {
  const { attributes } = role
  return {
    RoleName: role.id,
    Path: text(attributes, 'path') ?? '/',
    RoleId: text(attributes, 'unique_id'),
    Arn: text(attributes, 'arn'),
    CreateDate: text(attributes, 'create_date'),
    AssumeRolePolicyDocument: encodeURIComponent(text(attributes, 'assume_role_policy') ?? ''),
    Tags: tagMembers(role),
  }
}

const identifierOf = (db: StoredResource) => text(db.attributes, 'identifier')

export const rdsOperations: Readonly<Record<string, Operation>> = {
  DescribeDBInstances: (input, { world, region }) => ({
    DBInstances: new XmlList(
      'DBInstance',
      asked(
        inRegion(world, 'aws_db_instance', region),
        input.get('DBInstanceIdentifier'),
        identifierOf,
        'DBInstanceNotFound',
      ).map(showInstance),
    ),
  }),
  DescribeDBSubnetGroups: (input, { world, region }) => ({
    DBSubnetGroups: new XmlList(
      'DBSubnetGroup',
      asked(
        inRegion(world, 'aws_db_subnet_group', region),
        input.get('DBSubnetGroupName'),
        group => group.id,
        'DBSubnetGroupNotFoundFault',
      ).map(({ id, attributes }) => ({
        DBSubnetGroupName: id,
        DBSubnetGroupArn: text(attributes, 'arn'),
        VpcId: text(attributes, 'vpc_id'),
        SubnetGroupStatus: 'Complete',
      })),
    ),
  }),
  DescribeDBParameterGroups: (input, { world, region }) => ({
    DBParameterGroups: new XmlList(
      'DBParameterGroup',
      asked(
        inRegion(world, 'aws_db_parameter_group', region),
        input.get('DBParameterGroupName'),
        group => group.id,
        'DBParameterGroupNotFound',
      ).map(({ id, attributes }) => ({
        DBParameterGroupName: id,
        DBParameterGroupArn: text(attributes, 'arn'),
        DBParameterGroupFamily: text(attributes, 'family'),
        Description: text(attributes, 'description'),
      })),
    ),
  }),
  DescribeDBSnapshots: (input, { world, region }) => ({
    DBSnapshots: new XmlList(
      'DBSnapshot',
      inRegion(world, snapshotType, region)
        .filter(({ attributes }) => {
          const wanted = input.get('DBInstanceIdentifier')
          return wanted === null || attributes['db_instance_identifier'] === wanted
        })
        .map(snapshot => ({
          DBSnapshotIdentifier: snapshot.id,
          DBInstanceIdentifier: text(snapshot.attributes, 'db_instance_identifier'),
          DBSnapshotArn: text(snapshot.attributes, 'arn'),
          SnapshotType: 'manual',
          Status: 'available',
          Engine: text(snapshot.attributes, 'engine'),
          Encrypted: flag(snapshot.attributes, 'storage_encrypted'),
          TagList: new XmlList(
            'Tag',
            Object.entries(tagsOf(snapshot)).map(([Key, Value]) => ({ Key, Value })),
          ),
        })),
    ),
  }),
  ModifyDBInstance: (input, { world, region }) => {
    const [db] = asked(
      inRegion(world, 'aws_db_instance', region),
      input.get('DBInstanceIdentifier'),
      identifierOf,
      'DBInstanceNotFound',
    )
    if (db === undefined) throw new CloudError('InvalidParameterValue', 'DBInstanceIdentifier is required')
    const protection = input.get('DeletionProtection')
    const changed =
      protection === null
        ? db
        : world.store.put(db.type, db.id, { ...db.attributes, deletion_protection: protection === 'true' })
    return { DBInstance: showInstance(changed) }
  },
  RestoreDBInstanceToPointInTime: restoreInstance,
  DeleteDBInstance: (input, { world, region }) => {
    const [db] = asked(
      inRegion(world, 'aws_db_instance', region),
      input.get('DBInstanceIdentifier'),
      identifierOf,
      'DBInstanceNotFound',
    )
    if (db === undefined) throw new CloudError('InvalidParameterValue', 'DBInstanceIdentifier is required')
    deleteInstance(
      db.attributes,
      {
        skipFinalSnapshot: input.get('SkipFinalSnapshot') === 'true',
        finalSnapshot: input.get('FinalDBSnapshotIdentifier') ?? undefined,
      },
      { world },
    )
    world.store.delete(db.type, db.id)
    return { DBInstance: { ...showInstance(db), DBInstanceStatus: 'deleting' } }
  },
}

const byId = (resource: StoredResource) => resource.id

export const elasticacheOperations: Readonly<Record<string, Operation>> = {
  DescribeReplicationGroups: (input, { world, region }) => ({
    ReplicationGroups: new XmlList(
      'ReplicationGroup',
      asked(
        inRegion(world, 'aws_elasticache_replication_group', region),
        input.get('ReplicationGroupId'),
        byId,
        'ReplicationGroupNotFoundFault',
      ).map(({ id, attributes }) => ({
        ReplicationGroupId: id,
        ARN: text(attributes, 'arn'),
        Description: text(attributes, 'description'),
        Status: 'available',
        MultiAZ: flag(attributes, 'multi_az_enabled') ? 'enabled' : 'disabled',
        AutomaticFailover: flag(attributes, 'automatic_failover_enabled') ? 'enabled' : 'disabled',
        TransitEncryptionEnabled: flag(attributes, 'transit_encryption_enabled'),
        AtRestEncryptionEnabled: text(attributes, 'at_rest_encryption_enabled') === 'true',
        AuthTokenEnabled: false,
        CacheNodeType: text(attributes, 'node_type'),
        MemberClusters: new XmlList('ClusterId', texts(attributes, 'member_clusters')),
        UserGroupIds: members(texts(attributes, 'user_group_ids')),
      })),
    ),
  }),
  DescribeCacheSubnetGroups: (input, { world, region }) => ({
    CacheSubnetGroups: new XmlList(
      'CacheSubnetGroup',
      asked(
        inRegion(world, 'aws_elasticache_subnet_group', region),
        input.get('CacheSubnetGroupName'),
        byId,
        'CacheSubnetGroupNotFoundFault',
        400,
      ).map(({ id, attributes }) => ({
        CacheSubnetGroupName: id,
        ARN: text(attributes, 'arn'),
        VpcId: text(attributes, 'vpc_id'),
      })),
    ),
  }),
  DescribeUsers: (input, { world, region }) => ({
    Users: members(
      asked(inRegion(world, 'aws_elasticache_user', region), input.get('UserId'), byId, 'UserNotFound').map(
        ({ id, attributes }) => ({
          UserId: id,
          UserName: text(attributes, 'user_name'),
          ARN: text(attributes, 'arn'),
          Status: 'active',
          Engine: text(attributes, 'engine'),
          AccessString: text(attributes, 'access_string'),
          Authentication: { Type: text(objects(attributes, 'authentication_mode')[0] ?? {}, 'type') },
        }),
      ),
    ),
  }),
  DescribeUserGroups: (input, { world, region }) => ({
    UserGroups: members(
      asked(
        inRegion(world, 'aws_elasticache_user_group', region),
        input.get('UserGroupId'),
        byId,
        'UserGroupNotFound',
      ).map(({ id, attributes }) => ({
        UserGroupId: id,
        ARN: text(attributes, 'arn'),
        Status: 'active',
        Engine: text(attributes, 'engine'),
        UserIds: members(texts(attributes, 'user_ids')),
      })),
    ),
  }),
}
