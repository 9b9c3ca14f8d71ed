import { expect, test } from 'vitest'
import { gatewaySettings } from '../../../services/api-gateway/src/settings.ts'
import type { AwsPlatform } from '../../../src/clouds/aws/platform.ts'
import { serviceSettings as aws } from '../../../src/clouds/aws/service-settings.ts'
import { serviceSettings as azure } from '../../../src/clouds/azure/service-settings.ts'
import { serviceSettings as gcp } from '../../../src/clouds/gcp/service-settings.ts'

const platform = {
  names: { cache: 'ml-platform-dev' },
  aws: { region: 'us-east-1' },
} as unknown as AwsPlatform
const settings = {
  aws: (outputs: object) => aws(platform, 'api-gateway', { ...outputs }),
  gcp: (outputs: object) => gcp('api-gateway', { ...outputs }),
  azure: (outputs: object) => azure('api-gateway', { ...outputs }),
}
const cache = { host: 'cache.example.com', port: 6380 }
/** As the foundations' outputs have it. */
const outputs = {
  aws: { cache: { ...cache, users: { 'api-gateway': 'ml-platform-dev-gateway' } } },
  gcp: { cache: { ...cache, ca: 'PEM' } },
  azure: { cache, identities: { api_gateway: { principal_id: 'object-id' } } },
}

test.each(['aws', 'gcp', 'azure'] as const)('%s: the gateway accepts what it is told of the cache', cloud => {
  const { environment, files } = settings[cloud](outputs[cloud])
  const read = gatewaySettings.parse({ ...environment })
  expect(read).toMatchObject({ REDIS_URL: 'rediss://cache.example.com:6380' })
  expect(read.REDIS_AUTHENTICATION).toBe({ aws: 'aws', gcp: 'google', azure: 'azure' }[cloud])
  expect(Object.keys(environment).filter(name => /PASSWORD|SECRET|TOKEN/.test(name))).toEqual([])
  for (const name of Object.keys(files)) expect(environment['REDIS_CA_FILE']).toBe(`/etc/api-gateway/${name}`)
})

test.each(['aws', 'gcp', 'azure'] as const)('%s: a dormant platform has no cache to tell of', cloud => {
  expect(settings[cloud]({ ...outputs[cloud], cache: null })).toEqual({ environment: {}, files: {} })
})

test('other services are told nothing', () => {
  expect(gcp('data-sync', outputs.gcp)).toEqual({ environment: {}, files: {} })
})
