import { readSettings } from '@mlp/service-kit/settings'
import { expect, test } from 'vitest'
import { gatewaySettings } from '../../../services/api-gateway/src/settings.ts'
import { proxySettings } from '../../../services/data-sync/src/database-proxy/settings.ts'
import { grantSettings } from '../../../services/data-sync/src/grant/settings.ts'
import { statementsFor } from '../../../services/data-sync/src/grant/sql-server-grants.ts'
import { settingsSchema } from '../../../services/data-sync/src/settings.ts'
import type { AwsPlatform } from '../../../src/clouds/aws/platform.ts'
import { serviceSettings as aws } from '../../../src/clouds/aws/service-settings.ts'
import type { AzurePlatform } from '../../../src/clouds/azure/platform.ts'
import { serviceSettings as azure } from '../../../src/clouds/azure/service-settings.ts'
import { noSettings, type WorkloadName } from '../../../src/clouds/cloud.ts'
import { serviceSettings as gcp } from '../../../src/clouds/gcp/service-settings.ts'

const platform = {
  names: { cache: 'ml-platform-dev', databaseUser: 'mlpadmin', buckets: { models: 'models' } },
  aws: { region: 'us-east-1' },
} as unknown as AwsPlatform
const azurePlatform = {
  names: {
    identities: {
      dataSync: 'ml-id-dev-data-sync',
      mlflow: 'ml-id-dev-mlflow',
      databaseAdmin: 'ml-id-dev-database-admin',
    },
    storageAccount: 'store',
    containers: { models: 'models' },
  },
} as unknown as AzurePlatform
const settings = {
  aws: (workload: WorkloadName, outputs: object) => aws(platform, workload, { ...outputs }),
  gcp: (workload: WorkloadName, outputs: object) => gcp(workload, { ...outputs }),
  azure: (workload: WorkloadName, outputs: object) => azure(azurePlatform, workload, { ...outputs }),
}
const cache = { host: 'cache.example.com', port: 6380 }
const database = { host: 'db.example.com', port: 5432, name: 'mlplatform' }
const clientId = '01234567-89ab-cdef-0123-456789abcdef'
/** As the foundations' outputs have it. */
const outputs = {
  aws: {
    cache: { ...cache, users: { 'api-gateway': 'ml-platform-dev-gateway' } },
    database: { ...database, secret_arn: 'arn:aws:secretsmanager:us-east-1:1:secret:rds!db-1-abcdef' },
  },
  gcp: {
    cache: { ...cache, ca: 'PEM' },
    database: {
      ...database,
      ...{ tls_name: '1.2.us-central1.sql.goog', ca: 'PEM' },
      users: {
        data_sync: 'sync@project.iam',
        mlflow: 'mlflow@project.iam',
        database_admin: 'dbadmin@project.iam',
      },
    },
    buckets: { models: 'models' },
  },
  azure: {
    cache,
    identities: {
      api_gateway: { principal_id: 'object-id' },
      data_sync: { client_id: clientId },
      mlflow: { client_id: clientId },
    },
    database: { ...database, engine: 'postgresql' },
  },
}
const clouds = ['aws', 'gcp', 'azure'] as const

test.each(clouds)('%s: the gateway accepts what it is told of the cache', cloud => {
  const { environment, files } = settings[cloud]('api-gateway', outputs[cloud])
  const read = gatewaySettings.parse({ ...environment })
  expect(read).toMatchObject({ REDIS_URL: 'rediss://cache.example.com:6380' })
  expect(read.REDIS_AUTHENTICATION).toBe({ aws: 'aws', gcp: 'google', azure: 'azure' }[cloud])
  expect(Object.keys(environment).filter(name => /PASSWORD|SECRET|TOKEN/.test(name))).toEqual([])
  for (const name of Object.keys(files)) expect(environment['REDIS_CA_FILE']).toBe(`/etc/api-gateway/${name}`)
})

test.each(clouds)('%s: a dormant platform has no cache to tell of', cloud => {
  expect(settings[cloud]('api-gateway', { ...outputs[cloud], cache: null })).toEqual(noSettings)
})

test.each(clouds)('%s: data-sync accepts what it is told of the database, and no password', cloud => {
  const { environment, files } = settings[cloud]('data-sync', outputs[cloud])
  const user = { aws: 'data_sync', gcp: 'sync@project.iam', azure: 'ml-id-dev-data-sync' }[cloud]
  const read = readSettings(settingsSchema, environment)
  expect(read).toMatchObject({
    DATABASE_URL: { kind: 'postgres', user, host: 'db.example.com', port: 5432, database: 'mlplatform' },
    DATABASE_SCHEMA: 'data_sync',
    DATABASE_AUTHENTICATION: { aws: 'aws-iam', gcp: 'google-iam', azure: 'entra' }[cloud],
    DATABASE_TLS: 'verify',
  })
  for (const name of Object.keys(files)) expect(read.DATABASE_CA_FILE).toBe(`/etc/database/${name}`)
})

test.each(clouds)('%s: MLflow’s proxy accepts what it is told, and artifacts go to the bucket', cloud => {
  const { environment } = settings[cloud]('mlflow', outputs[cloud])
  const user = { aws: 'mlflow', gcp: 'mlflow@project.iam', azure: 'ml-id-dev-mlflow' }[cloud]
  expect(readSettings(proxySettings, environment)).toMatchObject({
    DATABASE_URL: { kind: 'postgres', user, host: 'db.example.com' },
    DATABASE_SCHEMA: 'mlflow',
    DATABASE_AUTHENTICATION: { aws: 'aws-iam', gcp: 'google-iam', azure: 'entra' }[cloud],
  })
  expect(environment['ARTIFACTS_DESTINATION']).toBe(
    {
      aws: 's3://models/mlflow',
      gcp: 'gs://models/mlflow',
      azure: 'wasbs://models@store.blob.core.windows.net/mlflow',
    }[cloud],
  )
})

test.each(clouds)('%s: the administrator lets in the very user that data-sync is', cloud => {
  const { environment, files } = settings[cloud]('database-admin', outputs[cloud])
  const service = readSettings(settingsSchema, settings[cloud]('data-sync', outputs[cloud]).environment)
  const read = readSettings(grantSettings, environment)
  expect(read.DATABASE_USERS).toMatchObject([
    { name: service.DATABASE_URL.kind === 'postgres' && service.DATABASE_URL.user, schema: 'data_sync' },
    { schema: 'mlflow' },
  ])
  expect(read.DATABASE_URL).not.toEqual(service.DATABASE_URL)
  expect(read.DATABASE_TLS_NAME).toBe(service.DATABASE_TLS_NAME)
  for (const name of Object.keys(files)) expect(read.DATABASE_CA_FILE).toBe(`/etc/database/${name}`)
})

test('Azure SQL: by Entra too, and the user is known by its client id', () => {
  const sql = { ...outputs.azure, database: { ...database, engine: 'azure-sql', port: 1433 } }
  const service = readSettings(settingsSchema, settings.azure('data-sync', sql).environment)
  expect(service.DATABASE_URL).toMatchObject({ kind: 'mssql', port: 1433, user: 'ml-id-dev-data-sync' })
  const { DATABASE_USERS: users } = readSettings(
    grantSettings,
    settings.azure('database-admin', sql).environment,
  )
  // No SQL Server runs here: what would be said to one is read, not tried.
  expect(users.slice(0, 1).flatMap(statementsFor)).toEqual([
    "IF DATABASE_PRINCIPAL_ID(N'ml-id-dev-data-sync') IS NULL CREATE USER [ml-id-dev-data-sync] WITH SID = 0x67452301AB89EFCD0123456789ABCDEF, TYPE = E",
    "IF SCHEMA_ID(N'data_sync') IS NULL EXEC(N'CREATE SCHEMA [data_sync]')",
    'ALTER USER [ml-id-dev-data-sync] WITH DEFAULT_SCHEMA = [data_sync]',
    'GRANT CREATE TABLE TO [ml-id-dev-data-sync]',
    'GRANT ALTER, SELECT, INSERT, UPDATE, DELETE, REFERENCES ON SCHEMA::[data_sync] TO [ml-id-dev-data-sync]',
  ])
})

test.each(clouds)('%s: a service that keeps nothing is told nothing', cloud => {
  expect(settings[cloud]('model-serving', outputs[cloud])).toEqual(noSettings)
  expect(settings[cloud]('data-sync', {})).toEqual(noSettings)
})
