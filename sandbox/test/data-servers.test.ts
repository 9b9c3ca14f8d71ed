import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Signer } from '@aws-sdk/rds-signer'
import { createClient, createCluster } from '@redis/client'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rdsOperations } from '../src/clouds/aws/api/query-services.ts'
import { masterPassword } from '../src/clouds/aws/behaviours/rds.ts'
import { issueSession } from '../src/clouds/aws/sessions.ts'
import {
  databaseAudience,
  issueToken as issueEntraToken,
  redisAudience,
  storageAudience,
} from '../src/clouds/azure/tokens.ts'
import { issueToken as issueGoogleToken } from '../src/clouds/gcp/tokens.ts'
import { openHome, type SandboxHome } from '../src/home.ts'
import { openSupervisor, type Supervisor } from '../src/processes/supervisor.ts'
import { type DataServers, openDataServers, type ServerDoor } from '../src/servers/data-servers.ts'
import { serverTypes } from '../src/servers/wanted.ts'
import { observed } from '../src/store/observed-store.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import type { World } from '../src/world.ts'
import { eventually } from './core-daemon-process.ts'
import { fakeWorld } from './terraform-harness.ts'

let folder: string
let home: SandboxHome
let world: World
let processes: Supervisor
let servers: DataServers
const problems: string[] = []

async function open(): Promise<void> {
  processes = await openSupervisor(join(folder, 'processes'), () => undefined)
  servers = await openDataServers({
    home: folder,
    socketFolder: home.socketFolder,
    authority: home.authority,
    world,
    processes,
    path: process.env['PATH'],
    bringUp: (_name, start) => start().catch(error => void problems.push(String(error))),
    onDoors: () => undefined,
  })
  servers.changed()
  await servers.settled()
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-data-'))
  home = await openHome(folder)
  store = observed(openSqliteStore(join(folder, 'store.sqlite')), type => {
    if (serverTypes.has(type)) servers?.changed()
  })
  world = {
    ...fakeWorld(folder, store, 0, line => problems.push(line)),
    secrets: home.secrets,
    caPem: home.authority.certificatePem,
  }
  await open()
})
afterAll(async () => {
  servers.close()
  await processes.stopAll()
  processes.detach()
  await rm(folder, { recursive: true, force: true })
  await rm(home.socketFolder, { recursive: true, force: true })
})

let store: World['store']
const account = () => world.secrets.awsAccountId
const rdsHost = 'ml.cabc.us-east-1.rds.amazonaws.com'

function door(cloud: string, port: number): ServerDoor {
  const found = servers.doors(cloud).find(one => one.port === port)
  if (found === undefined) throw new Error(`${cloud} has no door ${port}: ${problems.join('\n')}`)
  return found
}

/** A client as a pod has it, but for the network between. */
async function sql(
  cloud: string,
  user: string,
  password: string,
  database = 'platform',
  ssl = true,
  host?: string,
): Promise<pg.Client> {
  const { socket, hosts } =
    servers.doors(cloud).find(one => host !== undefined && one.hosts.includes(host)) ?? door(cloud, 5432)
  const client = new pg.Client({
    ...{ user, password, database },
    host: hosts[0] ?? '',
    stream: () => {
      const plain = connect(socket)
      // pg connects by itself; this is connected already.
      return Object.assign(plain, { connect: () => plain })
    },
    ssl: ssl && { ca: world.caPem, rejectUnauthorized: true },
  })
  await client.connect()
  return client
}

async function answer(client: pg.Client, text: string): Promise<unknown> {
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

describe('RDS', () => {
  const token = (role: string, user: string, host = rdsHost) => {
    const session = issueSession(world, role, 'pod', 60_000)
    return new Signer({
      hostname: host,
      port: 5432,
      username: user,
      region: 'us-east-1',
      credentials: { ...session, sessionToken: session.token },
    }).getAuthToken()
  }

  test('is PostgreSQL, with the master user’s password in Secrets Manager', async () => {
    const attributes = {
      ...{ engine: 'postgres', identifier: 'ml', address: rdsHost, port: 5432, db_name: 'platform' },
      ...{ username: 'ml_admin', manage_master_user_password: true, resource_id: 'db-ABC', password: null },
    }
    store.put('aws_db_instance', 'db-ABC', attributes)
    await servers.settled()
    const master = await sql('aws', 'ml_admin', masterPassword(world, attributes))
    expect((await master.query('SHOW server_version')).rows[0]?.server_version).toMatch(/^1\d/)
    await master.query('CREATE TABLE kept (n int)')
    await master.query('INSERT INTO kept VALUES (42)')
    await master.query('CREATE USER data_sync')
    await master.query('GRANT rds_iam TO data_sync')
    await master.query('GRANT SELECT ON kept TO data_sync')
    await master.end()
    await expect(sql('aws', 'ml_admin', 'wrong')).rejects.toMatchObject({ code: '28P01' })
    await expect(sql('aws', 'sandbox_superuser', '')).rejects.toMatchObject({ code: '28P01' })
    await expect(
      sql('aws', 'ml_admin', masterPassword(world, attributes), 'platform', false),
    ).rejects.toMatchObject({ code: '28000', message: expect.stringContaining('no encryption') })
  })

  test('lets in by IAM whoever may connect as that user, for this server', async () => {
    store.put('aws_iam_role_policy', 'data-sync:access', {
      role: 'data-sync',
      policy: JSON.stringify({
        Statement: [
          {
            Effect: 'Allow',
            Action: ['rds-db:connect'],
            Resource: [`arn:aws:rds-db:us-east-1:${account()}:dbuser:db-ABC/data_sync`],
          },
        ],
      }),
    })
    const rows = await answer(
      await sql('aws', 'data_sync', await token('data-sync', 'data_sync')),
      'SELECT * FROM kept',
    )
    expect(rows).toEqual([{ n: 42 }])
    for (const wrong of [
      token('another-role', 'data_sync'),
      token('data-sync', 'ml_admin'),
      token('data-sync', 'data_sync', 'other.us-east-1.rds.amazonaws.com'),
      'password',
    ])
      await expect(sql('aws', 'data_sync', await wrong)).rejects.toMatchObject({ code: '28P01' })
  })

  test('keeps its data when it is killed, and when the daemon is', async () => {
    const read = async () =>
      answer(await sql('aws', 'data_sync', await token('data-sync', 'data_sync')), 'SELECT * FROM kept')
    const pid = processes.pid('databases/aws/ml')
    process.kill(pid ?? 0, 'SIGKILL')
    await expect.poll(() => read().catch(() => undefined), { timeout: 60_000 }).toEqual([{ n: 42 }])
    servers.close()
    processes.detach()
    const running = processes.pid('databases/aws/ml')
    await open()
    expect(processes.pid('databases/aws/ml')).toBe(running)
    expect(await read()).toEqual([{ n: 42 }])
  })

  test('is restored into another instance with its data, and goes on as it was', async () => {
    const scope = { world, region: 'us-east-1' }
    const restore = (more: Readonly<Record<string, string>>) =>
      rdsOperations['RestoreDBInstanceToPointInTime']?.(
        new URLSearchParams({
          SourceDBInstanceIdentifier: 'ml',
          TargetDBInstanceIdentifier: 'ml-restored',
          ...more,
        }),
        scope,
      )
    const latest = { UseLatestRestorableTime: 'true' }
    expect(() => restore(latest)).toThrow(/automatic backups disabled/)
    const source = store.get('aws_db_instance', 'db-ABC')?.attributes ?? {}
    const arn = `arn:aws:rds:us-east-1:${account()}:db:ml`
    store.put('aws_db_instance', 'db-ABC', { ...source, arn, backup_retention_period: 1 })
    expect(() => restore({})).toThrow(/has to be specified/)
    expect(() => restore({ ...latest, SourceDBInstanceIdentifier: 'other' })).toThrow(/not found/)
    expect(() => restore({ RestoreTime: new Date(Date.now() + 60_000).toISOString() })).toThrow(/not between/)
    restore({ ...latest, 'Tags.Tag.1.Key': 'purpose', 'Tags.Tag.1.Value': 'drill' })
    expect(() => restore(latest)).toThrow(/already exists/)
    await servers.settled()
    expect(problems).toEqual([])
    const restored = store
      .list('aws_db_instance')
      .find(({ attributes }) => attributes['identifier'] === 'ml-restored')
    expect(restored?.attributes).toMatchObject({ tags_all: { purpose: 'drill' }, deletion_protection: false })
    const host =
      servers.doors('aws').find(({ hosts }) => hosts[0]?.startsWith('ml-restored.'))?.hosts[0] ?? ''
    const password = masterPassword(world, source)
    const inside = await sql('aws', 'ml_admin', password, 'platform', true, host)
    expect((await inside.query('SELECT * FROM kept')).rows).toEqual([{ n: 42 }])
    await inside.query('INSERT INTO kept VALUES (43)')
    await inside.end()
    const kept = await answer(await sql('aws', 'ml_admin', password), 'SELECT * FROM kept')
    expect(kept).toEqual([{ n: 42 }])
    store.delete('aws_db_instance', restored?.id ?? '')
    await servers.settled()
    expect(await readdir(join(folder, 'databases', 'aws'))).toEqual(['ml'])
    store.put('aws_db_instance', 'db-ABC', source)
    await servers.settled()
  })

  test('is not started on data of another major version, and says what to do', async () => {
    const startAgain = async () => {
      servers.close()
      await processes.stopAll()
      processes.detach()
      problems.length = 0
      await open()
    }
    const file = join(folder, 'databases', 'aws', 'ml', 'data', 'PG_VERSION')
    const version = await readFile(file, 'utf8')
    await writeFile(file, '9\n')
    await startAgain()
    expect(problems.join('\n')).toMatch(
      /written by PostgreSQL 9, and this machine has \d+, .* mlp sandbox reset/,
    )
    await writeFile(file, version)
    await startAgain()
    expect(problems).toEqual([])
    expect(
      await answer(
        await sql('aws', 'data_sync', await token('data-sync', 'data_sync')),
        'SELECT * FROM kept',
      ),
    ).toEqual([{ n: 42 }])
  })

  test('is gone, with its data, when the instance is', async () => {
    store.delete('aws_db_instance', 'db-ABC')
    await servers.settled()
    expect(servers.doors('aws')).toEqual([])
    expect(processes.pid('databases/aws/ml')).toBeUndefined()
    expect(await readdir(join(folder, 'databases', 'aws'))).toEqual([])
  })
})

test('Cloud SQL lets service accounts in by their access tokens', async () => {
  const email = `data-sync@${world.secrets.gcpProjectId}.iam.gserviceaccount.com`
  const user = email.replace('.gserviceaccount.com', '')
  store.put('google_sql_database_instance', 'ml', {
    ...{ database_version: 'POSTGRES_17', name: 'ml', private_ip_address: '10.9.0.5' },
  })
  store.put('google_sql_database', 'platform', { name: 'platform', instance: 'ml' })
  store.put('google_sql_user', 'data-sync', {
    ...{
      name: user,
      instance: 'ml',
      type: 'CLOUD_IAM_SERVICE_ACCOUNT',
      database_roles: ['cloudsqlsuperuser'],
    },
  })
  await servers.settled()
  expect(door('gcp', 5432).address).toBe('10.9.0.5')
  const enter = async (as: string) => sql('gcp', user, issueGoogleToken(world, 600, as))
  await expect(enter(email)).rejects.toMatchObject({ code: '28P01' })
  store.put('google_project_iam_member', 'instance-user', {
    ...{ role: 'roles/cloudsql.instanceUser', member: `serviceAccount:${email}` },
  })
  expect(await answer(await enter(email), 'CREATE TABLE mine (n int); SELECT current_user')).toBeUndefined()
  await expect(enter(`other@${world.secrets.gcpProjectId}.iam.gserviceaccount.com`)).rejects.toMatchObject({
    code: '28P01',
  })
})

test('Azure’s flexible server lets in its Entra administrator, and the principals that it makes', async () => {
  const group = `/subscriptions/${world.secrets.azureSubscriptionId}/resourceGroups/ml`
  const server = `${group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/ml`
  store.put('azurerm_postgresql_flexible_server', server, {
    ...{ name: 'ml', fqdn: 'ml.postgres.database.azure.com' },
    authentication: [{ active_directory_auth_enabled: true, password_auth_enabled: false }],
  })
  store.put('azurerm_postgresql_flexible_server_database', `${server}/databases/platform`, {
    name: 'platform',
  })
  store.put(
    'azurerm_postgresql_flexible_server_active_directory_administrator',
    `${server}/administrators/1`,
    { principal_name: 'database-admin' },
  )
  const identity = (name: string) => {
    const one = { objectId: crypto.randomUUID(), clientId: crypto.randomUUID() }
    store.put('azurerm_user_assigned_identity', `${group}/identities/${name}`, {
      ...{ name, principal_id: one.objectId, client_id: one.clientId },
    })
    return one
  }
  const [admin, service] = [identity('database-admin'), identity('data-sync')]
  await servers.settled()
  const enter = (user: string, who: typeof admin, audience = databaseAudience, database = 'platform') =>
    sql('azure', user, issueEntraToken(world, audience, who).token, database)
  const administrator = await enter('database-admin', admin, databaseAudience, 'postgres')
  await administrator.query("SELECT * FROM pgaadauth_create_principal('data-sync', false, false)")
  await administrator.end()
  expect(await answer(await enter('data-sync', service), 'SELECT current_user AS me')).toEqual([
    { me: 'data-sync' },
  ])
  await expect(enter('data-sync', admin)).rejects.toMatchObject({ code: '28P01' })
  await expect(enter('data-sync', service, storageAudience)).rejects.toMatchObject({ code: '28P01' })
})

const hasRedis = () => servers.describe().missing.every(line => !line.startsWith('caches'))

describe('caches', () => {
  test('are said to be missing where there is no Redis', async () => {
    const nothing = await openDataServers({
      home: folder,
      socketFolder: home.socketFolder,
      authority: home.authority,
      world,
      processes,
      path: '/nowhere',
      bringUp: (_name, start) => start(),
      onDoors: () => undefined,
    })
    nothing.close()
    const { real, missing } = nothing.describe()
    expect([...real, ...missing].some(line => /^(Redis|caches)/.test(line))).toBe(true)
  })

  test('of ElastiCache take the IAM tokens of their users, each with its own keys', async context => {
    if (!hasRedis()) return context.skip('redis-server is not installed')
    store.put('aws_elasticache_user', 'ml-gateway', {
      ...{
        user_id: 'ml-gateway',
        user_name: 'ml-gateway',
        access_string: 'on ~gateway:* +@all -@admin -@dangerous',
      },
      authentication_mode: [{ type: 'iam' }],
    })
    store.put('aws_elasticache_user_group', 'ml', { user_ids: ['ml-gateway'] })
    store.put('aws_elasticache_replication_group', 'ml', {
      primary_endpoint_address: 'master.ml.use1.cache.amazonaws.com',
      user_group_ids: ['ml'],
    })
    await servers.settled()
    const { hosts, socket } = door('aws', 6379)
    const token = await new Signer({
      ...{ hostname: 'ml', port: 0, username: 'x', region: 'us-east-1' },
      credentials: {
        accessKeyId: world.secrets.awsAccessKeyId,
        secretAccessKey: world.secrets.awsSecretAccessKey,
      },
    }).getAuthToken()
    expect(token).toContain('Action=connect')
    const enter = async (user: string, password: string) => {
      const client = createClient({
        username: user,
        password,
        socket: {
          path: socket,
          tls: true,
          ca: world.caPem,
          servername: hosts[0] ?? '',
          reconnectStrategy: false,
        },
      })
      client.on('error', () => undefined)
      await client.connect()
      return client
    }
    await expect(enter('ml-gateway', token)).rejects.toThrow('WRONGPASS')
    const client = await enter('ml-gateway', await elasticacheToken('ml', 'ml-gateway'))
    await client.set('gateway:a', 'x'.repeat(100_000))
    expect((await client.get('gateway:a'))?.length).toBe(100_000)
    await expect(client.set('other', '1')).rejects.toThrow('NOPERM')
    client.destroy()

    // Killed, it comes back with its users and its data.
    process.kill(processes.pid('caches/aws/ml') ?? 0, 'SIGKILL')
    const again = await eventually('redis again', async () =>
      enter('ml-gateway', await elasticacheToken('ml', 'ml-gateway')),
    )
    expect((await again.get('gateway:a'))?.length).toBe(100_000)
    again.destroy()
  })

  test('of Memorystore speak the cluster protocol, of Azure know object ids', async context => {
    if (!hasRedis()) return context.skip('redis-server is not installed')
    const email = `gateway@${world.secrets.gcpProjectId}.iam.gserviceaccount.com`
    store.put('google_project_iam_member', 'redis', {
      ...{ role: 'roles/redis.dbConnectionUser', member: `serviceAccount:${email}` },
    })
    store.put('google_redis_cluster', 'ml', {
      name: 'ml',
      discovery_endpoints: [{ address: '10.8.0.5', port: 6379 }],
    })
    const cache = `/subscriptions/${world.secrets.azureSubscriptionId}/resourceGroups/ml/providers/Microsoft.Cache/redisEnterprise/ml`
    const principal = { objectId: crypto.randomUUID(), clientId: crypto.randomUUID() }
    store.put('azurerm_managed_redis', cache, { name: 'ml', hostname: 'ml.eastus.redis.azure.net' })
    store.put(
      'azurerm_managed_redis_access_policy_assignment',
      `${cache}/databases/default/accessPolicyAssignments/1`,
      { object_id: principal.objectId },
    )
    await servers.settled()
    const google = createCluster({
      rootNodes: [{ socket: { path: door('gcp', 6379).socket, tls: true } }],
      nodeAddressMap: { '10.8.0.5:6379': { host: '10.8.0.5', port: 6379 } },
      defaults: {
        username: 'default',
        password: issueGoogleToken(world, 600, email),
        socket: {
          path: door('gcp', 6379).socket,
          tls: true,
          ca: world.caPem,
          checkServerIdentity: () => undefined,
        },
      },
    })
    google.on('error', () => undefined)
    await google.connect()
    await google.set('a', '1')
    expect(await google.get('a')).toBe('1')
    google.destroy()

    const azure = createClient({
      username: principal.objectId,
      password: issueEntraToken(world, redisAudience, principal).token,
      socket: {
        path: door('azure', 10_000).socket,
        tls: true,
        ca: world.caPem,
        servername: 'ml.eastus.redis.azure.net',
      },
    })
    azure.on('error', () => undefined)
    await azure.connect()
    expect(await azure.set('b', '2')).toBe('OK')
    azure.destroy()
  })
})

/** As the gateway makes it. */
async function elasticacheToken(cache: string, user: string): Promise<string> {
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const { Sha256 } = await import('@aws-crypto/sha256-js')
  const signer = new SignatureV4({
    service: 'elasticache',
    region: 'us-east-1',
    credentials: {
      accessKeyId: world.secrets.awsAccessKeyId,
      secretAccessKey: world.secrets.awsSecretAccessKey,
    },
    sha256: Sha256,
  })
  const { hostname, path, query } = await signer.presign(
    {
      ...{ method: 'GET', protocol: 'http:', hostname: cache, path: '/', headers: { host: cache } },
      query: { Action: 'connect', User: user },
    },
    { expiresIn: 900 },
  )
  const parameters = Object.entries(query ?? {}).map(([key, value]): [string, string] => [key, String(value)])
  return `${hostname}${path}?${new URLSearchParams(parameters)}`
}
