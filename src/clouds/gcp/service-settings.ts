import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { databaseAuthority, noSettings, type ServiceSettings, type WorkloadName } from '../cloud.ts'
import { artifactsVariable, databaseUrl, databaseUsers } from '../database-users.ts'

/** The foundation's outputs; the cache is null while the platform is dormant. */
const cacheSchema = z.object({ host: z.string(), port: z.int(), ca: z.string().min(1) })
const databaseSchema = z.object({
  host: z.string(),
  port: z.int(),
  name: z.string(),
  tls_name: z.string(),
  ca: z.string().min(1),
  users: z.object({ data_sync: z.string(), mlflow: z.string(), database_admin: z.string() }),
})
const outputsSchema = z.object({
  cache: cacheSchema.optional().catch(undefined),
  database: databaseSchema.optional().catch(undefined),
  buckets: z.object({ models: z.string() }).optional().catch(undefined),
})
const cacheCaFile = 'redis-ca.pem'

/** Cache and database sign each workload in by its Google identity. Their certificates are of authorities of their own. */
export function serviceSettings(workload: WorkloadName, outputs: JsonObject): ServiceSettings {
  const { cache, database, buckets } = outputsSchema.parse(outputs)
  switch (workload) {
    case 'api-gateway':
      if (cache === undefined) return noSettings
      return {
        environment: {
          REDIS_URL: `rediss://${cache.host}:${cache.port}`,
          REDIS_MODE: 'cluster',
          REDIS_AUTHENTICATION: 'google',
          REDIS_CA_FILE: `/etc/api-gateway/${cacheCaFile}`,
        },
        files: { [cacheCaFile]: cache.ca },
      }
    case 'data-sync':
    case 'mlflow':
    case 'database-admin': {
      if (database === undefined) return noSettings
      const users = databaseUsers(keeper => database.users[keeper === 'mlflow' ? keeper : 'data_sync'])
      const own =
        workload === 'database-admin'
          ? {
              DATABASE_URL: databaseUrl('postgres', database.users.database_admin, database),
              DATABASE_USERS: JSON.stringify(Object.values(users)),
            }
          : {
              DATABASE_URL: databaseUrl('postgres', users[workload].name, database),
              DATABASE_SCHEMA: users[workload].schema,
            }
      return {
        environment: {
          ...own,
          DATABASE_AUTHENTICATION: 'google-iam',
          // Google's library asks once whether it is on Google Cloud, and a pod's metadata server may be late to answer.
          METADATA_SERVER_DETECTION: 'assume-present',
          DATABASE_TLS_NAME: database.tls_name,
          DATABASE_CA_FILE: databaseAuthority.path,
          ...(workload === 'mlflow' ? { [artifactsVariable]: `gs://${buckets?.models}/mlflow` } : {}),
        },
        files: { [databaseAuthority.file]: database.ca },
      }
    }
    case 'model-serving':
      return noSettings
  }
}
