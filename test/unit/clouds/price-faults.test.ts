import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { createAwsCloud } from '../../../src/clouds/aws/aws-cloud.ts'
import { createAzureCloud } from '../../../src/clouds/azure/azure-cloud.ts'
import type { CostLine } from '../../../src/clouds/cost-line.ts'
import type { GcpPlatform } from '../../../src/clouds/gcp/platform.ts'
import { prices as gcpPrices } from '../../../src/clouds/gcp/prices.ts'
import { createRest } from '../../../src/clouds/gcp/rest.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { gcpNames, platformId } from '../../../src/config/names.ts'

/** Four attempts with pauses between them, several questions at a time. */
const patienceMs = 60_000

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function listen(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

const config = defaultSandboxConfig('dev')
const { signal } = new AbortController()
const common = { config, caFile: undefined, platformId: platformId(config) }
const target = (environment: Record<string, string>, endpoints: Record<string, string>) => ({
  ...{ account: 'a', environment, endpoints, backend: {} },
})

function gcp(endpoint: string): Promise<readonly CostLine[]> {
  const settings = config.clouds.gcp
  if (settings === undefined) throw new Error('the default has Google Cloud')
  const credentials = {
    accessToken: async () => ({ token: 'token', expiresAt: '2030-01-01T00:00:00Z' }),
    foundByTools: async () => false,
  }
  const endpoints = { cloudbilling: endpoint, compute: endpoint }
  const platform = {
    ...{ config, settings, names: gcpNames(config), project: 'p', region: settings.region },
    rest: createRest(target({}, endpoints), credentials),
  }
  return gcpPrices(platform as unknown as GcpPlatform, signal)
}

/** What each cloud's machines, services and a page that says that there is another are answered. */
const clouds = [
  {
    name: 'AWS',
    prices: (endpoint: string) =>
      createAwsCloud({
        ...common,
        target: target({ AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' }, { aws: endpoint }),
      }).prices(signal),
    endless: () => ({ FormatVersion: 'aws_v1', PriceList: [], NextToken: 'more' }),
  },
  {
    name: 'Google Cloud',
    prices: gcp,
    endless: (url: string) => {
      if (url.includes('/machineTypes/')) return { guestCpus: 2, memoryMb: 8192 }
      if (url.includes('/regions/')) return { zones: ['zones/us-central1-a'] }
      return { skus: [], services: [], nextPageToken: 'more' }
    },
  },
  {
    name: 'Azure',
    prices: (endpoint: string) =>
      createAzureCloud({ ...common, target: target({}, { prices: endpoint }) }).prices(signal),
    endless: () => ({ Items: [], NextPageLink: 'https://elsewhere.example/api/retail/prices?$skip=100' }),
  },
] as const

describe.each(clouds)('the price list of $name', ({ prices, endless }) => {
  test.each([
    ['throttles', 429, '{}', 'MLP3005'],
    ['fails', 500, 'oops', 'MLP3006'],
    ['is a page of some proxy', 200, '<html>welcome</html>', 'MLP3007'],
    ['is another document', 200, '{"PriceList":7,"Items":7,"services":7,"zones":7}', 'MLP3007'],
  ])(
    'that %s is an error, and no price of 0',
    async (_name, status, body, code) => {
      const endpoint = await listen((_request, response) => response.writeHead(status).end(body))
      await expect(prices(endpoint)).rejects.toMatchObject({ code })
    },
    patienceMs,
  )

  test('that has no last page is left after some', async () => {
    let requests = 0
    const endpoint = await listen((request, response) => {
      requests++
      response.end(JSON.stringify(endless(request.url ?? '')))
    })
    await expect(prices(endpoint)).rejects.toMatchObject({
      code: 'MLP3007',
      detail: expect.stringContaining('pages'),
    })
    expect(requests).toBeLessThan(400)
  })

  test(
    'that nobody answers for is told so',
    async () => {
      const endpoint = await listen((_request, response) => response.destroy())
      server?.closeAllConnections()
      server?.close()
      await expect(prices(endpoint)).rejects.toMatchObject({ code: 'MLP3002' })
    },
    patienceMs,
  )
})

test(
  'a list that is overloaded for a moment is asked again, signed anew',
  async () => {
    const signatures = new Set<string>()
    let requests = 0
    const endpoint = await listen((request, response) => {
      requests++
      signatures.add(request.headers.authorization ?? '')
      if (requests === 1)
        return response
          .writeHead(400)
          .end('{"__type":"com.amazon#ThrottlingException","message":"slow down"}')
      return response.end('{"PriceList":[]}')
    })
    const lines = await clouds[0].prices(endpoint)
    expect(lines.map(({ cost }) => cost.kind)).toContain('unknown')
    expect(lines.map(({ cost }) => cost.kind)).not.toContain('monthly')
    expect([...signatures].every(each => each.includes('/us-east-1/pricing/aws4_request'))).toBe(true)
  },
  patienceMs,
)
