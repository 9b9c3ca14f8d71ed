import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { noSettings, type ServiceSettings, type WorkloadName } from '../cloud.ts'
import { artifactsVariable, databaseUrl, databaseUsers } from '../database-users.ts'
import type { AwsPlatform } from './platform.ts'

/** The foundation's outputs; the cache is null while the platform is dormant. */
const cacheSchema = z.object({ host: z.string(), port: z.int(), users: z.record(z.string(), z.string()) })
const databaseSchema = z.object({
  host: z.string(),
  port: z.int(),
  name: z.string(),
  secret_arn: z.string(),
})
const outputsSchema = z.object({
  cache: cacheSchema.optional().catch(undefined),
  database: databaseSchema.optional().catch(undefined),
})

/** RDS lets users of these names in by the role that phase 1 allows it, see templates/terraform/aws/foundation/iam.tf. */
const users = databaseUsers(service => service.replaceAll('-', '_'))

/** Cache and database sign each workload in by its role. */
export function serviceSettings(
  { names, aws }: AwsPlatform,
  workload: WorkloadName,
  outputs: JsonObject,
): ServiceSettings {
  const { cache, database } = outputsSchema.parse(outputs)
  switch (workload) {
    case 'api-gateway': {
      const user = cache?.users[workload]
      if (cache === undefined || user === undefined) return noSettings
      return {
        environment: {
          REDIS_URL: `rediss://${cache.host}:${cache.port}`,
          REDIS_AUTHENTICATION: 'aws',
          REDIS_USERNAME: user,
          REDIS_CACHE_NAME: names.cache,
          AWS_REGION: aws.region,
        },
        files: {},
      }
    }
    case 'data-sync':
    case 'mlflow': {
      if (database === undefined) return noSettings
      const { name, schema } = users[workload]
      return {
        environment: {
          DATABASE_URL: databaseUrl('postgres', name, database),
          DATABASE_SCHEMA: schema,
          DATABASE_AUTHENTICATION: 'aws-iam',
          AWS_REGION: aws.region,
          ...(workload === 'mlflow' ? { [artifactsVariable]: `s3://${names.buckets.models}/mlflow` } : {}),
        },
        files: {},
      }
    }
    case 'database-admin':
      if (database === undefined) return noSettings
      return {
        environment: {
          DATABASE_URL: databaseUrl('postgres', names.databaseUser, database),
          DATABASE_AUTHENTICATION: 'aws-secret',
          DATABASE_SECRET_ARN: database.secret_arn,
          DATABASE_USERS: JSON.stringify(Object.values(users)),
          AWS_REGION: aws.region,
        },
        files: {},
      }
    case 'model-serving':
      return noSettings
  }
}
