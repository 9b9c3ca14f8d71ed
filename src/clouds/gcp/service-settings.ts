import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { noSettings, type ServiceName, type ServiceSettings } from '../cloud.ts'

/** The foundation's output; null while the platform is dormant. */
const outputsSchema = z.object({
  cache: z.object({ host: z.string(), port: z.int(), ca: z.string().min(1) }),
})
const caFile = 'redis-ca.pem'

/** The cache signs the gateway in by its Google identity. Its certificate is of an authority of its own. */
export function serviceSettings(service: ServiceName, outputs: JsonObject): ServiceSettings {
  const parsed = outputsSchema.safeParse(outputs)
  if (service !== 'api-gateway' || parsed.data === undefined) return noSettings
  const { host, port, ca } = parsed.data.cache
  return {
    environment: {
      REDIS_URL: `rediss://${host}:${port}`,
      REDIS_MODE: 'cluster',
      REDIS_AUTHENTICATION: 'google',
      REDIS_CA_FILE: `/etc/api-gateway/${caFile}`,
    },
    files: { [caFile]: ca },
  }
}
