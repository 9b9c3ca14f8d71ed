import { createHash, createHmac } from 'node:crypto'
import { firstObject, flag, text, texts } from '../clouds/aws/attributes.ts'
import { masterPassword } from '../clouds/aws/behaviours/rds.ts'
import { isWithin, lastSegment } from '../clouds/azure/arm-id.ts'
import { block, blocks } from '../clouds/gcp/attributes.ts'
import type { Attributes } from '../store/resource-store.ts'
import type { World } from '../world.ts'
import { restoredFact } from './restored.ts'

interface Server {
  /** Unique in the sandbox: `<cloud>/<name>`. */
  readonly id: string
  readonly cloud: 'aws' | 'gcp' | 'azure'
  /** What its clients call it; the first is what phase 1's outputs say. */
  readonly hosts: readonly string[]
  /** On the networks of its cloud's clusters. */
  readonly address: string
  readonly port: number
  readonly attributes: Attributes
}

/** A PostgreSQL server that a resource of a cloud stands for. */
export interface PostgresServer extends Server {
  readonly kind: 'postgres'
  /** Whose members sign in with a token of the cloud's identity. */
  readonly tokenRole: string
  /** What stands for a superuser here. */
  readonly administrators: string
  readonly roles: readonly {
    readonly name: string
    readonly password: string | undefined
    readonly memberOf: readonly string[]
    readonly administers: boolean
  }[]
  readonly databases: readonly { readonly name: string; readonly owner: string }[]
  /** The server whose data it began with; undefined: with none. */
  readonly copyOf?: string
}

/** A Redis server that a resource of a cloud stands for. */
export interface RedisServer extends Server {
  readonly kind: 'redis'
  /** Whether clients speak the cluster protocol to it. */
  readonly clustered: boolean
  /** Redis' own rules, by user. */
  readonly users: readonly { readonly name: string; readonly rules: string }[]
}

export type DataServer = PostgresServer | RedisServer

/** Types whose changes may change which servers there are. */
export const serverTypes: ReadonlySet<string> = new Set([
  'aws_db_instance',
  'aws_elasticache_replication_group',
  'aws_elasticache_user',
  'aws_elasticache_user_group',
  'google_sql_database_instance',
  'google_sql_database',
  'google_sql_user',
  'google_redis_cluster',
  'azurerm_postgresql_flexible_server',
  'azurerm_postgresql_flexible_server_database',
  'azurerm_postgresql_flexible_server_active_directory_administrator',
  'azurerm_managed_redis',
  'azurerm_managed_redis_access_policy_assignment',
])

/** Every server that there has to be, as the store says. */
export function wantedServers(world: World): readonly DataServer[] {
  return [
    ...rds(world),
    ...elasticache(world),
    ...cloudSql(world),
    ...memorystore(world),
    ...flexibleServers(world),
    ...managedRedis(world),
  ]
}

/** What a server's front uses to be let in after it has checked a token; known to nobody else. */
export function internalPassword(world: World, id: string): string {
  return createHmac('sha256', world.secrets.tokenSigningKeyPem).update(`internal:${id}`).digest('hex')
}

/** AWS and Azure name their servers; where the name leads is the sandbox's own: 198.18.0.0/15, of nobody (RFC 2544). */
function addressOf(id: string): string {
  const digest = createHash('sha256').update(id).digest()
  return `198.${18 + ((digest[0] ?? 0) & 1)}.${digest[1]}.${Math.min(254, Math.max(2, digest[2] ?? 0))}`
}

function rds(world: World): readonly PostgresServer[] {
  return world.store
    .list('aws_db_instance')
    .filter(({ attributes }) => text(attributes, 'engine') === 'postgres')
    .map(({ attributes }) => {
      const id = `aws/${text(attributes, 'identifier')}`
      const master = text(attributes, 'username') ?? 'postgres'
      const database = text(attributes, 'db_name')
      return {
        kind: 'postgres',
        cloud: 'aws',
        ...{ id, attributes, address: addressOf(id), hosts: [text(attributes, 'address') ?? ''], port: 5432 },
        ...{ tokenRole: 'rds_iam', administrators: 'rds_superuser' },
        roles: [
          {
            name: master,
            password: masterPassword(world, attributes),
            memberOf: ['rds_superuser'],
            administers: true,
          },
        ],
        databases: database === undefined ? [] : [{ name: database, owner: master }],
        ...restoredFrom(world, id),
      }
    })
}

function restoredFrom(world: World, id: string): { readonly copyOf?: string } {
  const source = world.store.getFact(restoredFact, id)
  return typeof source === 'string' ? { copyOf: source } : {}
}

function elasticache(world: World): readonly RedisServer[] {
  return world.store.list('aws_elasticache_replication_group').map(({ id: name, attributes }) => {
    const id = `aws/${name}`
    const groups = texts(attributes, 'user_group_ids')
    const userIds = groups.flatMap(group =>
      texts(world.store.get('aws_elasticache_user_group', group)?.attributes ?? {}, 'user_ids'),
    )
    return {
      kind: 'redis',
      cloud: 'aws',
      ...{ id, attributes, address: addressOf(`${id} cache`), port: 6379, clustered: false },
      hosts: ['primary_endpoint_address', 'reader_endpoint_address'].flatMap(
        key => text(attributes, key) ?? [],
      ),
      users: userIds.flatMap(userId => {
        const user = world.store.get('aws_elasticache_user', userId)?.attributes ?? {}
        const mode = text(firstObject(user, 'authentication_mode'), 'type')
        const userName = text(user, 'user_name')
        if (mode !== 'iam' || userName === undefined) return []
        return [{ name: userName, rules: text(user, 'access_string') ?? 'off' }]
      }),
    }
  })
}

function cloudSql(world: World): readonly PostgresServer[] {
  return world.store
    .list('google_sql_database_instance')
    .filter(({ attributes }) => text(attributes, 'database_version')?.startsWith('POSTGRES_'))
    .filter(({ attributes }) => text(attributes, 'private_ip_address') !== undefined)
    .map(({ id: name, attributes }) => {
      const address = text(attributes, 'private_ip_address') ?? ''
      const below = (type: string) =>
        world.store
          .list(type)
          .map(one => one.attributes)
          .filter(one => one['instance'] === name)
      return {
        kind: 'postgres',
        cloud: 'gcp',
        ...{ id: `gcp/${name}`, attributes, address, port: 5432 },
        hosts: [address, (text(attributes, 'dns_name') ?? '').replace(/\.$/, '')].filter(host => host !== ''),
        tokenRole: 'cloudsqliamserviceaccount',
        administrators: 'cloudsqlsuperuser',
        roles: below('google_sql_user').map(user => ({
          name: text(user, 'name') ?? '',
          password: text(user, 'password'),
          memberOf: [
            ...(text(user, 'type') === 'CLOUD_IAM_SERVICE_ACCOUNT'
              ? ['cloudsqliamserviceaccount']
              : ['cloudsqlsuperuser']),
            ...texts(user, 'database_roles'),
          ],
          administers: text(user, 'type') !== 'CLOUD_IAM_SERVICE_ACCOUNT',
        })),
        databases: below('google_sql_database').map(database => ({
          name: text(database, 'name') ?? '',
          owner: 'cloudsqlsuperuser',
        })),
      }
    })
}

function memorystore(world: World): readonly RedisServer[] {
  return world.store.list('google_redis_cluster').flatMap(({ attributes }) => {
    const [endpoint] = blocks(attributes, 'discovery_endpoints')
    const address = endpoint === undefined ? undefined : text(endpoint, 'address')
    if (address === undefined) return []
    return [
      {
        kind: 'redis',
        cloud: 'gcp',
        ...{ id: `gcp/${text(attributes, 'name')}`, attributes, address, hosts: [address], port: 6379 },
        clustered: true,
        users: [{ name: 'default', rules: 'on ~* &* +@all -acl -config -debug -shutdown -replicaof' }],
      } as const,
    ]
  })
}

function flexibleServers(world: World): readonly PostgresServer[] {
  return world.store.list('azurerm_postgresql_flexible_server').map(({ id: armId, attributes }) => {
    const id = `azure/${lastSegment(armId)}`
    const below = (type: string) =>
      world.store
        .list(type)
        .filter(one => isWithin(one.id, armId))
        .map(one => one.attributes)
    const login = text(attributes, 'administrator_login')
    const hasPasswords = flag(block(attributes, 'authentication'), 'password_auth_enabled')
    const administrator = { administers: true, password: undefined }
    return {
      kind: 'postgres',
      cloud: 'azure',
      ...{ id, attributes, address: addressOf(id), hosts: [text(attributes, 'fqdn') ?? ''], port: 5432 },
      ...{ tokenRole: 'azure_ad_user', administrators: 'azure_pg_admin' },
      roles: [
        ...below('azurerm_postgresql_flexible_server_active_directory_administrator').map(one => ({
          ...administrator,
          name: text(one, 'principal_name') ?? '',
          memberOf: ['azure_pg_admin', 'azure_ad_user'],
        })),
        ...(login !== undefined && login !== '' && hasPasswords
          ? [
              {
                ...administrator,
                name: login,
                password: text(attributes, 'administrator_password'),
                memberOf: ['azure_pg_admin'],
              },
            ]
          : []),
      ],
      databases: below('azurerm_postgresql_flexible_server_database').map(database => ({
        name: text(database, 'name') ?? '',
        owner: 'azure_pg_admin',
      })),
    }
  })
}

function managedRedis(world: World): readonly RedisServer[] {
  return world.store.list('azurerm_managed_redis').map(({ id: armId, attributes }) => {
    const id = `azure/${lastSegment(armId)}`
    return {
      kind: 'redis',
      cloud: 'azure',
      ...{ id, attributes, address: addressOf(`${id} cache`), hosts: [text(attributes, 'hostname') ?? ''] },
      port: 10_000,
      clustered: false,
      users: world.store
        .list('azurerm_managed_redis_access_policy_assignment')
        .filter(one => isWithin(one.id, armId))
        .map(one => ({
          name: text(one.attributes, 'object_id') ?? '',
          rules: 'on ~* &* +@all -acl -config -debug -shutdown -replicaof',
        })),
    }
  })
}
