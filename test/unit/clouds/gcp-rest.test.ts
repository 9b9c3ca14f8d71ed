import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { GoogleCredentials } from '../../../src/clouds/gcp/auth.ts'
import { refusalError } from '../../../src/clouds/gcp/errors.ts'
import { createRest } from '../../../src/clouds/gcp/rest.ts'

const credentials: GoogleCredentials = {
  accessToken: async () => ({ token: 'token', expiresAt: '2030-01-01T00:00:00Z' }),
  foundByTools: async () => false,
}
const { signal } = new AbortController()
const answer = z.object({ name: z.string() })

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function restOn(listener: RequestListener) {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  const redis = `http://127.0.0.1:${address.port}`
  return createRest({ account: 'p', environment: {}, endpoints: { redis }, backend: {} }, credentials)
}

describe("Google's REST APIs", () => {
  it('asks again after too many requests, with the credentials each time', async () => {
    const seen: (string | undefined)[] = []
    const rest = await restOn((request, response) => {
      seen.push(request.headers.authorization)
      response.writeHead(seen.length < 3 ? 429 : 200).end(seen.length < 3 ? '{}' : '{"name":"found"}')
    })
    expect(await rest.call({ service: 'redis', path: '/v1/x', answer }, signal)).toEqual({ name: 'found' })
    expect(seen).toEqual(['Bearer token', 'Bearer token', 'Bearer token'])
  })

  it('does not repeat a write after a server error', async () => {
    let requests = 0
    const rest = await restOn((_request, response) => {
      requests++
      response.writeHead(500).end('{"error":{"message":"oops"}}')
    })
    const write = rest.call({ method: 'POST', service: 'redis', path: '/v1/x', body: {}, answer }, signal)
    await expect(write).rejects.toMatchObject({ code: 'MLP3006' })
    expect(requests).toBe(1)
  })

  it('follows all pages of a list and takes a missing parent for an empty one', async () => {
    const rest = await restOn((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (url.pathname === '/gone') return response.writeHead(404).end('{}')
      const second = url.searchParams.get('pageToken') === 'next'
      const page = second ? { items: [{ name: 'b' }] } : { items: [{ name: 'a' }], nextPageToken: 'next' }
      return response.end(JSON.stringify(page))
    })
    const listOf = async (path: string) => {
      const found: unknown[] = []
      for await (const one of rest.list({ service: 'redis', path, field: 'items', item: answer }, signal))
        found.push(one)
      return found
    }
    expect(await listOf('/v1/things')).toEqual([{ name: 'a' }, { name: 'b' }])
    expect(await listOf('/gone')).toEqual([])
  })

  it('is MLP3007 when the answer is not what the service promises', async () => {
    const rest = await restOn((_request, response) => response.end('{"name":7}'))
    await expect(rest.call({ service: 'redis', path: '/v1/x', answer }, signal)).rejects.toMatchObject({
      code: 'MLP3007',
      detail: expect.stringContaining('name'),
    })
  })

  it('stops waiting at once when the run is interrupted', async () => {
    const controller = new AbortController()
    const rest = await restOn((_request, response) => {
      controller.abort()
      response.writeHead(429).end('{}')
    })
    await expect(rest.call({ service: 'redis', path: '/v1/x', answer }, controller.signal)).rejects.toThrow(
      /abort/i,
    )
  })
})

describe('what Google refuses, for a person', () => {
  const google = (message: string, reason: string) =>
    JSON.stringify({ error: { message, errors: [{ reason }] } })
  it.each([
    [401, google('Request had invalid credentials', 'authError'), 'MLP3001'],
    [400, JSON.stringify({ error: 'invalid_grant', error_description: 'Token has been revoked' }), 'MLP3001'],
    [403, google('denied', 'forbidden'), 'MLP3003'],
    [403, google('API has not been used', 'accessNotConfigured'), 'MLP3009'],
    [403, google('Quota exceeded', 'quotaExceeded'), 'MLP3004'],
    [429, google('Rate', 'rateLimitExceeded'), 'MLP3005'],
    [503, 'no JSON at all', 'MLP3005'],
    [409, google('exists', 'alreadyExists'), 'MLP3006'],
  ])('%i %s is %s', (status, body, code) => {
    const error = refusalError({ status, body, service: 'redis', request: 'GET /x' })
    expect(error.code).toBe(code)
    expect(error.remedy.length).toBeGreaterThan(0)
    expect(error.detail).toContain(String(status))
  })
})
