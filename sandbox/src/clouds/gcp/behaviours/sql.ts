import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, blocks, flag, requiredText, text } from '../attributes.ts'
import {
  abandoned,
  addressIn,
  deletionPolicy,
  lastSegment,
  now,
  projectNumber,
  projectOf,
  refuseProtected,
  regionOf,
  relativeName,
  requireResource,
  stableNumber,
} from '../google.ts'
import { requireUsableKey } from './kms.ts'
import { deletedDatabasesFact } from './private-services.ts'

const instanceType = 'google_sql_database_instance'

/** Tiers an edition has: https://cloud.google.com/sql/docs/postgres/create-instance#machine-types */
function tierMistake(edition: string, tier: string): string | undefined {
  if (edition === 'ENTERPRISE_PLUS') {
    return tier.startsWith('db-perf-optimized-') || tier.startsWith('db-c4a-')
      ? undefined
      : `Invalid Tier (${tier}) for (ENTERPRISE_PLUS) Edition. Use a predefined Tier like db-perf-optimized-N-* instead.`
  }
  if (/^db-(f1-micro|g1-small)$/.test(tier)) return undefined
  const custom = tier.match(/^db-custom-(\d+)-(\d+)$/)
  const [cpus, memory] = [Number(custom?.[1]), Number(custom?.[2])]
  const fits = (cpus === 1 || cpus % 2 === 0) && memory % 256 === 0 && memory >= 3840 && memory <= cpus * 6656
  return custom !== null && fits
    ? undefined
    : `Invalid request: Invalid Tier (${tier}) for (ENTERPRISE) Edition.`
}

export const databaseInstance: Behaviour = {
  type: instanceType,
  source:
    'https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances, …/docs/postgres/delete-instance (a deleted name can be reused at once), …/docs/postgres/editions-intro',
  seconds: { create: 480, update: 60, delete: 90 },
  refuses: { create: ['instanceAlreadyExists'], delete: ['deletionProtectionEnabled'] },
  async create(planned, scope) {
    const { world } = scope
    const project = projectOf(planned, scope)
    const region = regionOf(planned, scope)
    const name = requiredText(planned, 'name')
    if (!/^[a-z][a-z0-9-]*[a-z0-9]$/.test(name) || name.length + project.length > 97) {
      throw new CloudError('invalid', `Invalid request: instance name (${name}).`)
    }
    if (world.store.get(instanceType, name) !== undefined) {
      throw new CloudError('instanceAlreadyExists', `The Cloud SQL instance already exists. ${name}`, 409)
    }
    const settings = block(planned, 'settings')
    checkSettings(requiredText(planned, 'database_version'), settings)
    const key = text(planned, 'encryption_key_name')
    if (key !== undefined) requireUsableKey(world, key, 'gcp-sa-cloud-sql.iam.gserviceaccount.com')
    const configuration = block(settings, 'ip_configuration')
    const privateNetwork = text(configuration, 'private_network')
    const address =
      privateNetwork === undefined ? undefined : privateAddress(name, relativeName(privateNetwork), world)
    const addresses =
      address === undefined ? [] : [{ ip_address: address, type: 'PRIVATE', time_to_retire: '' }]
    return {
      ...planned,
      id: name,
      project,
      region,
      connection_name: `${project}:${region}:${name}`,
      self_link: `https://sqladmin.googleapis.com/sql/v1beta4/projects/${project}/instances/${name}`,
      instance_type: 'CLOUD_SQL_INSTANCE',
      private_ip_address: address ?? '',
      public_ip_address: flag(configuration, 'ipv4_enabled') ? '203.0.113.10' : '',
      first_ip_address: address ?? '203.0.113.10',
      ip_address: addresses,
      service_account_email_address: `p${projectNumber(world)}-${stableNumber(name, 6)}@gcp-sa-cloud-sql.iam.gserviceaccount.com`,
      maintenance_version: `${requiredText(planned, 'database_version')}_5.R20260701.00_00`,
      available_maintenance_versions: [],
      // A shared authority signs a certificate for a name; the instance's own one for its connection name.
      dns_name:
        text(configuration, 'server_ca_mode') === 'GOOGLE_MANAGED_CAS_CA'
          ? `${stableNumber(name, 12)}.${stableNumber(project, 12)}.${region}.sql.goog.`
          : '',
      dns_names: [],
      master_instance_name: '',
      replica_names: [],
      psc_service_attachment_link: '',
      enforce_new_sql_network_architecture: true,
      encryption_key_name: key ?? '',
      server_ca_cert: [serverCertificate(scope.world.caPem)],
      settings: [{ ...settings, ...settingsDefaults(settings), version: 1 }],
      deletion_policy: deletionPolicy(planned),
    }
  },
  async update(prior, planned) {
    const settings = block(planned, 'settings')
    checkSettings(requiredText(planned, 'database_version'), settings)
    const version = Number(block(prior, 'settings')['version'] ?? 1) + 1
    return { ...planned, settings: [{ ...settings, ...settingsDefaults(settings), version }] }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const name = requiredText(prior, 'name')
    refuseProtected(prior, 'deletion_protection', 'instance')
    const settings = block(prior, 'settings')
    if (flag(settings, 'deletion_protection_enabled')) {
      throw new CloudError(
        'deletionProtectionEnabled',
        `The instance or operation is not in an appropriate state to handle the request. ${name} is protected from deletion by settings.deletionProtectionEnabled.`,
      )
    }
    for (const type of ['google_sql_database', 'google_sql_user']) {
      for (const { id, attributes } of world.store.list(type)) {
        if (attributes['instance'] === name) world.store.delete(type, id)
      }
    }
    const privateNetwork = text(block(settings, 'ip_configuration'), 'private_network')
    if (privateNetwork !== undefined)
      world.store.putFact(deletedDatabasesFact, relativeName(privateNetwork), Date.now())
    if (flag(block(settings, 'final_backup_config'), 'enabled')) {
      keepFinalBackup(name, text(prior, 'project') ?? '', world)
    }
  },
  importId: importId => lastSegment(importId),
}

export const finalBackupsFact = 'gcp-sql-final-backups'

function keepFinalBackup(instance: string, project: string, world: World): void {
  const before = world.store.getFact(finalBackupsFact, project)
  const backup = {
    name: `projects/${project}/backups/${crypto.randomUUID()}`,
    type: 'FINAL',
    state: 'SUCCESSFUL',
    instance,
    backupInterval: { endTime: now() },
  }
  world.store.putFact(finalBackupsFact, project, [...(Array.isArray(before) ? before : []), backup])
}

function checkSettings(version: string, settings: Attributes): void {
  const fallback = Number(version.match(/^POSTGRES_(\d+)/)?.[1] ?? 0) >= 16 ? 'ENTERPRISE_PLUS' : 'ENTERPRISE'
  const mistake = tierMistake(text(settings, 'edition') ?? fallback, requiredText(settings, 'tier'))
  if (mistake !== undefined) throw new CloudError('invalidRequest', mistake)
  const backup = block(settings, 'backup_configuration')
  if (settings['availability_type'] === 'REGIONAL' && !flag(backup, 'enabled')) {
    throw new CloudError(
      'invalidRequest',
      'Invalid request: backups must be enabled for a REGIONAL instance.',
    )
  }
  const days = Number(backup['transaction_log_retention_days'] ?? 7)
  if (days < 1 || days > (settings['edition'] === 'ENTERPRISE_PLUS' ? 35 : 7)) {
    throw new CloudError(
      'invalidRequest',
      'Invalid request: transactionLogRetentionDays is between 1 and 7 in Enterprise edition.',
    )
  }
}

function settingsDefaults(settings: Attributes): Attributes {
  return {
    edition: text(settings, 'edition') ?? 'ENTERPRISE',
    disk_size: settings['disk_size'] ?? 10,
    disk_type: text(settings, 'disk_type') ?? 'PD_SSD',
    connector_enforcement: text(settings, 'connector_enforcement') ?? 'NOT_REQUIRED',
    data_api_access: text(settings, 'data_api_access') ?? '',
    effective_availability_type: settings['availability_type'] ?? 'ZONAL',
    user_labels: settings['user_labels'] ?? {},
    backup_configuration: blocks(settings, 'backup_configuration').map(backup => ({
      ...backup,
      backup_tier: 'STANDARD',
      start_time: text(backup, 'start_time') ?? '00:00',
      transaction_log_retention_days: backup['transaction_log_retention_days'] ?? 7,
    })),
    ip_configuration: blocks(settings, 'ip_configuration').map(configuration => ({
      ...configuration,
      ssl_mode: text(configuration, 'ssl_mode') ?? 'ALLOW_UNENCRYPTED_AND_ENCRYPTED',
      server_ca_mode: text(configuration, 'server_ca_mode') ?? 'GOOGLE_MANAGED_INTERNAL_CA',
    })),
    insights_config: blocks(settings, 'insights_config').map(insights => ({
      ...insights,
      query_plans_per_minute: insights['query_plans_per_minute'] ?? 5,
      query_string_length: insights['query_string_length'] ?? 1024,
    })),
  }
}

/** A private address needs the peering first. */
function privateAddress(name: string, network: string, world: World): string {
  const connection = world.store
    .list('google_service_networking_connection')
    .find(({ attributes }) => relativeName(requiredText(attributes, 'network')) === network)
  if (connection === undefined) {
    throw new CloudError(
      'invalidRequest',
      "Invalid request: Incorrect Service Networking config for instance: the network doesn't have at least 1 private services connection. Please see https://cloud.google.com/sql/docs/mysql/private-ip#network_requirements for how to create this connection.",
    )
  }
  const range = world.store
    .list('google_compute_global_address')
    .find(({ attributes }) => relativeName(text(attributes, 'network') ?? '') === network)
  if (range === undefined) throw new CloudError('invalidRequest', 'Invalid request: no allocated IP range')
  return addressIn(
    `${requiredText(range.attributes, 'address')}/${String(range.attributes['prefix_length'])}`,
    name,
  )
}

/** Public: the certificate that clients verify the server with. */
function serverCertificate(pem: string): Attributes {
  return {
    cert: pem,
    common_name: 'C=US,O=Google\\, Inc,CN=Google Cloud SQL Server CA',
    create_time: '2026-01-01T00:00:00Z',
    expiration_time: '2036-01-01T00:00:00Z',
    sha1_fingerprint: stableNumber(pem, 20).padStart(40, '0'),
  }
}

export const database: Behaviour = {
  type: 'google_sql_database',
  source: 'https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/databases',
  seconds: { create: 5, update: 5, delete: 5 },
  refuses: { create: ['databaseAlreadyExists'], delete: [] },
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const instance = requiredText(planned, 'instance')
    requireResource(scope.world, instanceType, instance)
    const name = requiredText(planned, 'name')
    const id = `projects/${project}/instances/${instance}/databases/${name}`
    if (scope.world.store.get(this.type, id) !== undefined) {
      throw new CloudError('databaseAlreadyExists', `Invalid request: database "${name}" already exists`, 400)
    }
    return {
      ...planned,
      id,
      project,
      charset: text(planned, 'charset') ?? 'UTF8',
      collation: text(planned, 'collation') ?? 'en_US.UTF8',
      self_link: `https://sqladmin.googleapis.com/sql/v1beta4/${id}`,
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
}

export const sqlUser: Behaviour = {
  type: 'google_sql_user',
  source:
    'https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/users and …/docs/postgres/iam-authentication',
  seconds: { create: 5, update: 5, delete: 5 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const instance = requireResource(scope.world, instanceType, requiredText(planned, 'instance'))
    const name = requiredText(planned, 'name')
    const kind = text(planned, 'type') ?? 'BUILT_IN'
    if (kind.startsWith('CLOUD_IAM_') && !signsInByIdentity(instance.attributes)) {
      throw new CloudError(
        'invalidRequest',
        'Invalid request: the database flag cloudsql.iam_authentication is not on.',
      )
    }
    if (kind === 'CLOUD_IAM_SERVICE_ACCOUNT' && name.endsWith('.gserviceaccount.com')) {
      throw new CloudError(
        'invalidRequest',
        `Invalid request: PostgreSQL's names of service accounts leave out .gserviceaccount.com: ${name}`,
      )
    }
    return {
      ...planned,
      // The provider's own format: name//instance, the empty middle is the host PostgreSQL has none of.
      id: `${name}//${instance.id}`,
      project,
      host: '',
      iam_email: kind === 'CLOUD_IAM_SERVICE_ACCOUNT' ? `${name}.gserviceaccount.com` : '',
      sql_server_user_details: [],
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
  importId: importId => {
    const [, instance, ...name] = importId.split('/')
    return `${name.join('/')}//${instance}`
  },
}

function signsInByIdentity(instance: Attributes): boolean {
  const flags = blocks(block(instance, 'settings'), 'database_flags')
  return flags.some(({ name, value }) => name === 'cloudsql.iam_authentication' && value === 'on')
}
