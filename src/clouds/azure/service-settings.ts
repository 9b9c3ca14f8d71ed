import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { noSettings, type ServiceName, type ServiceSettings } from '../cloud.ts'

/** The foundation's outputs; the cache is null while the platform is dormant. */
const outputsSchema = z.object({
  cache: z.object({ host: z.string(), port: z.int() }),
  identities: z.object({ api_gateway: z.object({ principal_id: z.string() }) }),
})

/** The cache signs the gateway in by its managed identity, whose object id is its user name. */
export function serviceSettings(service: ServiceName, outputs: JsonObject): ServiceSettings {
  const parsed = outputsSchema.safeParse(outputs)
  if (service !== 'api-gateway' || parsed.data === undefined) return noSettings
  const { cache, identities } = parsed.data
  return {
    environment: {
      REDIS_URL: `rediss://${cache.host}:${cache.port}`,
      REDIS_AUTHENTICATION: 'azure',
      REDIS_USERNAME: identities.api_gateway.principal_id,
    },
    files: {},
  }
}
