import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { noSettings, type ServiceName, type ServiceSettings } from '../cloud.ts'
import type { AwsPlatform } from './platform.ts'

/** The foundation's output; null while the platform is dormant. */
const outputsSchema = z.object({
  cache: z.object({ host: z.string(), port: z.int(), users: z.record(z.string(), z.string()) }),
})

/** The cache signs the gateway in by its role, as the user that phase 1 made for it. */
export function serviceSettings(
  { names, aws }: AwsPlatform,
  service: ServiceName,
  outputs: JsonObject,
): ServiceSettings {
  const parsed = outputsSchema.safeParse(outputs)
  const user = parsed.data?.cache.users[service]
  if (service !== 'api-gateway' || parsed.data === undefined || user === undefined) return noSettings
  const { host, port } = parsed.data.cache
  return {
    environment: {
      REDIS_URL: `rediss://${host}:${port}`,
      REDIS_AUTHENTICATION: 'aws',
      REDIS_USERNAME: user,
      REDIS_CACHE_NAME: names.cache,
      AWS_REGION: aws.region,
    },
    files: {},
  }
}
