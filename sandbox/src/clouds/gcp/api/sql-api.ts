import { CloudError } from '../../../behaviour.ts'
import { restorable } from '../../../servers/restorable.ts'
import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import { block, blocks, flag, integer, isObject, object, requiredText, text, textMap } from '../attributes.ts'
import { finalBackupsFact } from '../behaviours/sql.ts'
import { now, requireProject, stableNumber } from '../google.ts'
import { readRoutes } from './resource-api.ts'
import type { Call, Route } from './routing.ts'
import { notFound } from './routing.ts'

const instances = '/v1/projects/{project}/instances'
const instanceType = 'google_sql_database_instance'
const backupsFact = 'gcp-sql-backups'

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1 */
export const sqlRoutes: readonly Route[] = [
  ...readRoutes({
    type: instanceType,
    item: `${instances}/{name}`,
    list: instances,
    listField: 'items',
    id: ({ name = '' }) => name,
    below: () => true,
    project: ({ attributes, createdAt }) => instanceOf(attributes, createdAt),
  }),
  ...readRoutes({
    type: 'google_sql_database',
    item: `${instances}/{instance}/databases/{name}`,
    list: `${instances}/{instance}/databases`,
    listField: 'items',
    id: ({ project, instance, name }) => `projects/${project}/instances/${instance}/databases/${name}`,
    below: (attributes, { instance }) => attributes['instance'] === instance,
    project: ({ attributes }) => ({
      kind: 'sql#database',
      name: attributes['name'],
      instance: attributes['instance'],
      charset: attributes['charset'],
      collation: attributes['collation'],
    }),
  }),
  ...readRoutes({
    type: 'google_sql_user',
    item: `${instances}/{instance}/users/{name}`,
    list: `${instances}/{instance}/users`,
    listField: 'items',
    id: ({ instance, name }) => `${name}//${instance}`,
    below: (attributes, { instance }) => attributes['instance'] === instance,
    project: ({ attributes }) => ({
      kind: 'sql#user',
      name: attributes['name'],
      instance: attributes['instance'],
      type: text(attributes, 'type') ?? 'BUILT_IN',
    }),
  }),
  {
    method: 'PATCH',
    path: `${instances}/{name}`,
    run(call) {
      const { id, attributes } = instanceNamed(call)
      const asked = object(call.body, 'settings')
      const { deletionProtectionEnabled, finalBackupConfig, ...more } = asked
      if (Object.keys(more).length > 0) {
        throw new CloudError(
          'notImplemented',
          `The sandbox does not patch settings.${Object.keys(more)[0]}.`,
          501,
        )
      }
      const settings = {
        ...block(attributes, 'settings'),
        ...(typeof deletionProtectionEnabled === 'boolean'
          ? { deletion_protection_enabled: deletionProtectionEnabled }
          : {}),
        ...(isObject(finalBackupConfig) ? { final_backup_config: [finalBackup(finalBackupConfig)] } : {}),
      }
      call.world.store.put(instanceType, id, { ...attributes, settings: [settings] })
      return operation(call, 'UPDATE')
    },
  },
  {
    method: 'POST',
    path: `${instances}/{name}/backupRuns`,
    run(call) {
      const { id } = instanceNamed(call)
      const run = {
        id: stableNumber(`${id} ${now()}`, 13),
        endTime: now(),
        status: 'SUCCESSFUL',
        type: 'ON_DEMAND',
      }
      call.world.store.putFact(backupsFact, id, [...backupsOf(call, id), run])
      return operation(call, 'BACKUP_VOLUME')
    },
  },
  {
    method: 'GET',
    path: `${instances}/{name}/backupRuns`,
    run: call => ({ kind: 'sql#backupRunsList', items: backupsOf(call, instanceNamed(call).id) }),
  },
  {
    method: 'GET',
    path: `${instances}/{name}/getLatestRecoveryTime`,
    run(call) {
      const { attributes, createdAt } = instanceNamed(call)
      const backup = block(block(attributes, 'settings'), 'backup_configuration')
      const isOn = flag(backup, 'enabled') && flag(backup, 'point_in_time_recovery_enabled')
      const times = restorable(createdAt, isOn ? (integer(backup, 'transaction_log_retention_days') ?? 7) : 0)
      if (times === undefined)
        throw new CloudError('invalidRequest', 'Point in time recovery is not enabled on the instance.')
      return {
        kind: 'sql#getLatestRecoveryTime',
        earliestRecoveryTime: times.earliest,
        latestRecoveryTime: times.latest,
      }
    },
  },
  {
    method: 'GET',
    path: '/v1/projects/{project}/backups',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      return { backups: world.store.getFact(finalBackupsFact, params['project'] ?? '') ?? [] }
    },
  },
  {
    method: 'GET',
    path: '/v1/projects/{project}/operations/{operation}',
    run: call => ({ kind: 'sql#operation', name: call.params['operation'], status: 'DONE' }),
  },
]

function finalBackup(config: Attributes): Attributes {
  return { enabled: flag(config, 'enabled'), retention_days: integer(config, 'retentionDays') ?? 30 }
}

function instanceNamed(call: Call): StoredResource {
  requireProject(call.params['project'] ?? '', call.world)
  const found = call.world.store.get(instanceType, call.params['name'] ?? '')
  if (found === undefined) throw notFound('The Cloud SQL instance')
  return found
}

function backupsOf({ world }: Call, id: string): readonly unknown[] {
  const backups = world.store.getFact(backupsFact, id)
  return Array.isArray(backups) ? backups : []
}

function operation(call: Call, operationType: string): object {
  return {
    kind: 'sql#operation',
    name: crypto.randomUUID(),
    operationType,
    status: 'DONE',
    targetId: call.params['name'],
    targetProject: call.params['project'],
  }
}

function instanceOf(attributes: Attributes, createdAt: string): object {
  const settings = block(attributes, 'settings')
  const configuration = block(settings, 'ip_configuration')
  const backup = block(settings, 'backup_configuration')
  const key = text(attributes, 'encryption_key_name')
  return {
    kind: 'sql#instance',
    name: requiredText(attributes, 'name'),
    project: attributes['project'],
    region: attributes['region'],
    state: 'RUNNABLE',
    databaseVersion: attributes['database_version'],
    backendType: 'SECOND_GEN',
    instanceType: attributes['instance_type'],
    connectionName: attributes['connection_name'],
    createTime: createdAt,
    selfLink: attributes['self_link'],
    ipAddresses: blocks(attributes, 'ip_address').map(address => ({
      type: address['type'],
      ipAddress: address['ip_address'],
    })),
    ...(key === undefined
      ? {}
      : { diskEncryptionConfiguration: { kind: 'sql#diskEncryptionConfiguration', kmsKeyName: key } }),
    settings: {
      kind: 'sql#settings',
      tier: settings['tier'],
      edition: settings['edition'],
      availabilityType: settings['availability_type'],
      dataDiskSizeGb: String(settings['disk_size']),
      dataDiskType: settings['disk_type'],
      deletionProtectionEnabled: flag(settings, 'deletion_protection_enabled'),
      finalBackupConfig: { enabled: flag(block(settings, 'final_backup_config'), 'enabled') },
      settingsVersion: String(settings['version']),
      userLabels: textMap(settings, 'user_labels'),
      ipConfiguration: {
        ipv4Enabled: flag(configuration, 'ipv4_enabled'),
        privateNetwork: configuration['private_network'],
        sslMode: configuration['ssl_mode'],
      },
      backupConfiguration: {
        enabled: flag(backup, 'enabled'),
        pointInTimeRecoveryEnabled: flag(backup, 'point_in_time_recovery_enabled'),
        transactionLogRetentionDays: backup['transaction_log_retention_days'],
      },
    },
  }
}
