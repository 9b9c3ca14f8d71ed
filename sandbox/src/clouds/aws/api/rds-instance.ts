import { restorable } from '../../../servers/restorable.ts'
import type { StoredResource } from '../../../store/resource-store.ts'
import { firstObject, flag, integer, isObject, text } from '../attributes.ts'
import { tagsOf } from '../naming.ts'
import { XmlList, type XmlValue } from './answer.ts'

/** As DescribeDBInstances shows it. */
export function showInstance(db: StoredResource): { readonly [name: string]: XmlValue } {
  const { attributes } = db
  const secret = firstObject(attributes, 'master_user_secret')
  return {
    DBInstanceIdentifier: text(attributes, 'identifier'),
    DBInstanceArn: text(attributes, 'arn'),
    DbiResourceId: text(attributes, 'resource_id'),
    DBInstanceStatus: text(attributes, 'status') ?? 'available',
    DBInstanceClass: text(attributes, 'instance_class'),
    Engine: text(attributes, 'engine'),
    EngineVersion: text(attributes, 'engine_version_actual'),
    Endpoint: { Address: text(attributes, 'address'), Port: integer(attributes, 'port') },
    AllocatedStorage: integer(attributes, 'allocated_storage'),
    StorageEncrypted: flag(attributes, 'storage_encrypted'),
    PubliclyAccessible: flag(attributes, 'publicly_accessible'),
    MultiAZ: flag(attributes, 'multi_az'),
    DeletionProtection: flag(attributes, 'deletion_protection'),
    BackupRetentionPeriod: integer(attributes, 'backup_retention_period'),
    LatestRestorableTime: restorable(db.createdAt, integer(attributes, 'backup_retention_period') ?? 0)
      ?.latest,
    InstanceCreateTime: db.createdAt,
    IAMDatabaseAuthenticationEnabled: flag(attributes, 'iam_database_authentication_enabled'),
    MasterUserSecret: isObject(secret)
      ? {
          SecretArn: text(secret, 'secret_arn'),
          SecretStatus: text(secret, 'secret_status'),
          KmsKeyId: text(secret, 'kms_key_id'),
        }
      : undefined,
    TagList: new XmlList(
      'Tag',
      Object.entries(tagsOf(db)).map(([Key, Value]) => ({ Key, Value })),
    ),
  }
}
