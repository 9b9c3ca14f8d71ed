import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { noSettings, type ServiceSettings, type WorkloadName } from '../cloud.ts'
import { artifactsVariable, databaseUrl, databaseUsers } from '../database-users.ts'
import type { AzurePlatform } from './platform.ts'

/** The foundation's outputs; the cache is null while the platform is dormant. */
const outputsSchema = z.object({
  cache: z.object({ host: z.string(), port: z.int() }).optional().catch(undefined),
  identities: z
    .object({
      api_gateway: z.object({ principal_id: z.string() }),
      data_sync: z.object({ client_id: z.string() }),
      mlflow: z.object({ client_id: z.string() }),
    })
    .optional()
    .catch(undefined),
  database: z
    .object({
      engine: z.enum(['postgresql', 'azure-sql']),
      host: z.string(),
      port: z.int(),
      name: z.string(),
    })
    .optional()
    .catch(undefined),
})

/** Cache and database sign each workload in by its managed identity: the one by its object id, the other by its name. */
export function serviceSettings(
  { names }: Pick<AzurePlatform, 'names'>,
  workload: WorkloadName,
  outputs: JsonObject,
): ServiceSettings {
  const { cache, identities, database } = outputsSchema.parse(outputs)
  switch (workload) {
    case 'api-gateway':
      if (cache === undefined || identities === undefined) return noSettings
      return {
        environment: {
          REDIS_URL: `rediss://${cache.host}:${cache.port}`,
          REDIS_AUTHENTICATION: 'azure',
          REDIS_USERNAME: identities.api_gateway.principal_id,
        },
        files: {},
      }
    case 'data-sync':
    case 'database-admin': {
      if (database === undefined) return noSettings
      const users = databaseUsers(
        keeper => names.identities[keeper === 'mlflow' ? keeper : 'dataSync'],
        keeper => identities?.[keeper === 'mlflow' ? keeper : 'data_sync'].client_id,
      )
      const kind = database.engine === 'azure-sql' ? 'mssql' : 'postgres'
      const environment =
        workload === 'database-admin'
          ? {
              DATABASE_URL: databaseUrl(kind, names.identities.databaseAdmin, database),
              DATABASE_AUTHENTICATION: 'entra',
              DATABASE_USERS: JSON.stringify(Object.values(users)),
            }
          : {
              DATABASE_URL: databaseUrl(kind, users[workload].name, database),
              // SQL Server's driver asks Entra by itself, and knows the schema as the user's own.
              ...(kind === 'mssql'
                ? {}
                : { DATABASE_AUTHENTICATION: 'entra', DATABASE_SCHEMA: users[workload].schema }),
            }
      return { environment, files: {} }
    }
    case 'mlflow': {
      if (database === undefined) return noSettings
      const account = `${names.storageAccount}.blob.core.windows.net`
      const artifacts = { [artifactsVariable]: `wasbs://${names.containers.models}@${account}/mlflow` }
      // MLflow speaks to SQL Server by ODBC, which nothing here gives a token to.
      if (database.engine === 'azure-sql')
        return { environment: { ...artifacts, BACKEND_STORE: 'sqlite:////tmp/mlflow.db' }, files: {} }
      return {
        environment: {
          ...artifacts,
          DATABASE_URL: databaseUrl('postgres', names.identities.mlflow, database),
          DATABASE_SCHEMA: 'mlflow',
          DATABASE_AUTHENTICATION: 'entra',
        },
        files: {},
      }
    }
    case 'model-serving':
      return noSettings
  }
}
