import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { redisLogin } from '../src/rate-limit/redis-credentials.ts'
import { gatewaySettings } from '../src/settings.ts'

// The clouds' own services cannot be had here. Their documented answers are given by a server of this test.
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'login-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function startTokenServer(answer: object, status = 200) {
  const requests: { request: IncomingMessage; body: string }[] = []
  const server = createServer(async (request, response) => {
    requests.push({ request, body: await text(request) })
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.int() }).parse(server.address())
  return { requests, host: `127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => void server.close() }
}

const settingsOf = (environment: Record<string, string>) =>
  gatewaySettings.parse({ REDIS_URL: 'rediss://cache.example:6379', ...environment })

test('Google: an access token from the metadata server', async () => {
  await using metadata = await startTokenServer({
    access_token: 'ya29.secret',
    expires_in: 3599,
    token_type: 'Bearer',
  })
  const login = redisLogin(settingsOf({ REDIS_AUTHENTICATION: 'google' }), {
    GCE_METADATA_HOST: metadata.host,
  })
  const { username, password, expiresAtMs = 0 } = (await login?.()) ?? {}
  expect({ username, password }).toEqual({ username: 'default', password: 'ya29.secret' })
  expect(expiresAtMs - Date.now()).toBeGreaterThan(3_500_000)
  const { request } = metadata.requests[0] ?? {}
  expect(request?.url).toBe('/computeMetadata/v1/instance/service-accounts/default/token')
  expect(request?.headers['metadata-flavor']).toBe('Google')
})

test('Azure: the federated token is exchanged for one for Redis', async () => {
  await using entra = await startTokenServer({ access_token: 'eyJ.secret', expires_in: 86_399 })
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, 'projected-token')
  const login = redisLogin(settingsOf({ REDIS_AUTHENTICATION: 'azure', REDIS_USERNAME: 'object-id' }), {
    AZURE_CLIENT_ID: 'client',
    AZURE_TENANT_ID: 'tenant',
    AZURE_FEDERATED_TOKEN_FILE: tokenFile,
    AZURE_AUTHORITY_HOST: `http://${entra.host}/`,
  })
  expect(await login?.()).toMatchObject({ username: 'object-id', password: 'eyJ.secret' })
  const { request, body } = entra.requests[0] ?? {}
  expect(request?.url).toBe('/tenant/oauth2/v2.0/token')
  expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
    grant_type: 'client_credentials',
    client_id: 'client',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: 'projected-token',
    scope: 'https://redis.azure.com/.default',
  })
})

test('a refusal is told without what was sent or answered', async () => {
  await using metadata = await startTokenServer({ error: 'the assertion projected-token is wrong' }, 401)
  const login = redisLogin(settingsOf({ REDIS_AUTHENTICATION: 'google' }), {
    GCE_METADATA_HOST: metadata.host,
  })
  await expect(login?.()).rejects.toThrow(/^127\.0\.0\.1:\d+ gave no token: 401$/)
})

test('AWS: a presigned connect request, whose signature holds', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-key')
  const login = redisLogin(
    settingsOf({
      REDIS_AUTHENTICATION: 'aws',
      REDIS_USERNAME: 'mlp-gateway',
      REDIS_CACHE_NAME: 'mlp-cache',
      AWS_REGION: 'eu-west-1',
    }),
    {},
  )
  const { username, password = '' } = (await login?.()) ?? {}
  vi.unstubAllEnvs()
  expect(username).toBe('mlp-gateway')
  expect(password).toMatch(/^mlp-cache\/\?/)
  const query = new URL(`http://${password}`).searchParams
  expect(Object.fromEntries(query)).toMatchObject({
    Action: 'connect',
    User: 'mlp-gateway',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Expires': '900',
    'X-Amz-SignedHeaders': 'host',
  })

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
  const date = query.get('X-Amz-Date') ?? ''
  const scope = `${date.slice(0, 8)}/eu-west-1/elasticache/aws4_request`
  const canonicalQuery = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&')
  const sha256 = (value: string) => createHash('sha256').update(value).digest('hex')
  const hmac = (key: string | Buffer, value: string) => createHmac('sha256', key).update(value).digest()
  const canonicalRequest = ['GET', '/', canonicalQuery, 'host:mlp-cache', '', 'host', sha256('')].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonicalRequest)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>(hmac, 'AWS4secret-key')
  expect(query.get('X-Amz-Signature')).toBe(hmac(key, toSign).toString('hex'))
})
