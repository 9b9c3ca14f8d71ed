import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import { createApiKey, parseApiKeys } from '../src/authentication/api-keys.ts'
import { grantsOf } from '../src/authentication/scopes.ts'
import { modelList } from '../src/open-inference.ts'
import { readMetric, startGateway, type TestGateway, writeAtomically } from './gateway-fixture.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

const issuer = 'https://issuer.test'
const audience = 'ml-platform'
const expired = createApiKey()
let models: ModelServer
let jwks: { url: string; keys: object[]; requests: number; close(): void }
let gateway: TestGateway

beforeAll(async () => {
  models = await startModelServer()
  jwks = await startJwks()
  gateway = await startGateway({
    configuration: {
      upstreams: { main: { url: models.url } },
      defaultUpstream: 'main',
      rateLimits: { address: { requestsPerSecond: 100_000, burst: 100_000 } },
      jwt: [
        { issuer, audience, jwksUrl: jwks.url },
        { issuer: 'https://gone.test', audience, jwksUrl: 'http://127.0.0.1:9/jwks' },
      ],
    },
    clients: [
      {
        name: 'late',
        scopes: ['infer:*'],
        keys: [{ id: expired.id, sha256: expired.sha256, expires: '2020-01-01T00:00:00Z' }],
      },
    ],
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await models[Symbol.asyncDispose]()
  jwks.close()
})

/** Asks for a model's metadata, with exactly these headers. */
const ask = (headers: Record<string, string>, model = 'iris') =>
  fetch(`${gateway.url}/v2/models/${model}`, { headers })

async function expectProblem(response: Response, status: number, type: string): Promise<string> {
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = z.looseObject({ type: z.string(), detail: z.string() }).parse(await response.json())
  expect(problem.type).toBe(`urn:mlp:problem:${type}`)
  return problem.detail
}

describe('keys', () => {
  test('a key that is known', async () => {
    expect((await ask({ 'x-api-key': gateway.key })).status).toBe(200)
  })

  test.each([
    ['no key', {}],
    ['an empty key', { 'x-api-key': '' }],
    ['something else', { 'x-api-key': 'hunter2' }],
    ['a key nobody has', { 'x-api-key': createApiKey().key }],
    ['a key that has expired', { 'x-api-key': expired.key }],
    ['another scheme', { authorization: 'Basic aHVudGVyMg==' }],
  ])('%s: 401, and the model server is not asked', async (_what, headers) => {
    const asked = models.seen.length
    const response = await ask(headers)
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
    await expectProblem(response, 401, 'not-authenticated')
    expect(models.seen).toHaveLength(asked)
  })

  test('a key whose last character is another', async () => {
    const last = gateway.key.endsWith('A') ? 'B' : 'A'
    await expectProblem(await ask({ 'x-api-key': gateway.key.slice(0, -1) + last }), 401, 'not-authenticated')
  })

  test('only hashes are kept: the file that the gateway reads holds no key', async () => {
    const file = await readFile(join(gateway.folder, 'keys.yaml'), 'utf8')
    expect(file).not.toContain(gateway.key)
    expect(file).not.toContain(gateway.key.split('_').slice(2).join('_'))
  })

  test('a changed file is taken without a restart; one that is not valid is not', async () => {
    const file = join(gateway.folder, 'keys.yaml')
    const before = await readFile(file, 'utf8')
    const fresh = createApiKey()
    const content = z.looseObject({ clients: z.array(z.unknown()) }).parse(parse(before))
    content.clients.push({
      name: 'fresh',
      scopes: ['read:*'],
      keys: [{ id: fresh.id, sha256: fresh.sha256 }],
    })

    await writeAtomically(file, stringify(content))
    await expect.poll(async () => (await ask({ 'x-api-key': fresh.key })).status).toBe(200)
    await writeAtomically(file, 'clients: [{ name: ]')
    const refused = 'gateway_reloads_total{file="keys",result="refused"}'
    await expect.poll(async () => readMetric(await gateway.metrics(), refused)).toBeGreaterThan(0)
    expect((await ask({ 'x-api-key': fresh.key })).status).toBe(200)
    await writeAtomically(file, before)
    await expect.poll(async () => (await ask({ 'x-api-key': fresh.key })).status).toBe(401)
  })

  test('the program that makes a key shows it to nobody', async () => {
    const file = join(gateway.folder, 'key')
    const program = new URL('../src/new-key.ts', import.meta.url).pathname
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, file])
    const key = (await readFile(file, 'utf8')).trim()
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(stdout + stderr).not.toContain(key.split('_').slice(2).join('_'))
    const keys = parseApiKeys(
      stringify({ clients: [{ name: 'a', scopes: [], keys: parse(stdout) }] }),
      'keys.yaml',
    )
    expect(keys.find(key)?.id).toBe('key:a')
    await expect(promisify(execFile)(process.execPath, [program, file])).rejects.toThrow(/EEXIST/)
  })
})

describe('scopes', () => {
  test.each([
    [['infer:iris'], 'infer', 'iris', true],
    [['infer:iris'], 'read', 'iris', true],
    [['read:iris'], 'infer', 'iris', false],
    [['infer:iris'], 'infer', 'iris2', false],
    [['infer:fraud-*'], 'infer', 'fraud-eu', true],
    [['infer:fraud-*'], 'infer', 'fraud', false],
    [['infer:*'], 'infer', 'anything', true],
    [['openid', 'infer:**', 'infer:', 'infer'], 'infer', 'iris', false],
    [[], 'read', 'iris', false],
  ] as const)('%j allows %s of %s: %s', (scopes, action, model, allowed) => {
    expect(grantsOf(scopes).allows(action, model)).toBe(allowed)
  })

  test('without a scope a model that exists and one that does not look the same', async () => {
    const headers = { 'x-api-key': gateway.irisKey }
    expect((await ask(headers, 'iris')).status).toBe(200)
    await expectProblem(await ask(headers, 'secret'), 403, 'no-scope')
    await expectProblem(await ask(headers, 'unknown'), 403, 'no-scope')
  })

  test('the list holds only what the client may see', async () => {
    const list = async (key: string) => {
      const response = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': key } })
      return modelList.parse(await response.json()).models.map(({ name }) => name)
    }
    expect(await list(gateway.key)).toEqual(['iris', 'secret'])
    expect(await list(gateway.irisKey)).toEqual(['iris'])
  })
})

describe('tokens', () => {
  type Claims = Record<string, unknown>
  const valid = (): Claims => ({
    iss: issuer,
    aud: audience,
    sub: 'alice',
    scope: 'openid infer:iris',
    exp: Math.floor(Date.now() / 1000) + 300,
  })
  const sign = async (claims: Claims, alg = 'RS256', kid = `known-${alg}`, key = keys[kid]?.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key ?? new TextEncoder().encode('x'.repeat(64)))
  const askWith = (token: string, model?: string) => ask({ authorization: `Bearer ${token}` }, model)

  test.each(['RS256', 'ES256'])('signed with %s', async alg => {
    expect((await askWith(await sign(valid(), alg))).status).toBe(200)
    await expectProblem(await askWith(await sign(valid(), alg), 'other'), 403, 'no-scope')
  })

  test('scopes as a list', async () => {
    expect((await askWith(await sign({ ...valid(), scope: ['read:iris'] }))).status).toBe(200)
  })

  test.each([
    ['expired', { exp: 1 }, /expired/],
    ['without an end', { exp: undefined }, /exp/],
    ['not yet valid', { nbf: Math.floor(Date.now() / 1000) + 600 }, /nbf/],
    ['for somebody else', { aud: 'other' }, /aud/],
    ['of another issuer', { iss: 'https://evil.test' }, /issuer/],
    ['without a subject', { sub: undefined }, /sub/],
    ['with a subject that is no text', { sub: 7 }, /sub/],
  ])('%s: 401, saying so', async (_what, claims, detail) => {
    const response = await askWith(await sign({ ...valid(), ...claims }))
    expect(response.headers.get('www-authenticate')).toContain('invalid_token')
    expect(await expectProblem(response, 401, 'not-authenticated')).toMatch(detail)
  })

  test('with a signature of another key under a known name', async () => {
    const { privateKey } = await generateKeyPair('RS256')
    const token = await sign(valid(), 'RS256', 'known-RS256', privateKey)
    expect(await expectProblem(await askWith(token), 401, 'not-authenticated')).toMatch(/signature/)
  })

  test.each([
    ['no signature at all', () => `${part({ alg: 'none' })}.${part(valid())}.`],
    ['a shared secret', () => sign(valid(), 'HS256')],
    ['something that is no token', () => 'hunter2'],
    ['JSON that is no token', () => `${part([])}.${part(null)}.x`],
  ])('%s: 401', async (_what, token) => {
    await expectProblem(await askWith(await token()), 401, 'not-authenticated')
  })

  test('a verified token is remembered, but not past its end', async () => {
    const token = await sign({ ...valid(), sub: 'bob' })
    expect((await askWith(token)).status).toBe(200)
    const asked = jwks.requests
    expect((await askWith(token)).status).toBe(200)
    expect(jwks.requests).toBe(asked)
  })

  test('when the issuer cannot be asked it is not the token that is wrong: 503', async () => {
    const response = await askWith(await sign({ ...valid(), iss: 'https://gone.test' }))
    expect(response.headers.get('retry-after')).toBe('5')
    await expectProblem(response, 503, 'issuer-unreachable')
  })

  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
})

test('who fails too often from one address has to wait', async () => {
  await using strict = await startGateway({
    configuration: {
      upstreams: { main: { url: models.url } },
      defaultUpstream: 'main',
      rateLimits: { address: { requestsPerSecond: 0.1, burst: 3 } },
    },
  })
  const statuses: number[] = []
  for (let attempt = 0; attempt < 5; attempt += 1) {
    statuses.push((await strict.request('/v2/models/iris', { headers: { 'x-api-key': 'guess' } })).status)
  }
  expect(statuses).toEqual([401, 401, 401, 429, 429])
  expect((await strict.request('/v2/models/iris')).status).toBe(200)
})

const keys: Record<string, GenerateKeyPairResult> = {}

async function startJwks() {
  const published: object[] = []
  for (const alg of ['RS256', 'ES256']) {
    const kid = `known-${alg}`
    const pair = await generateKeyPair(alg)
    keys[kid] = pair
    published.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' })
  }
  const state = { url: '', keys: published, requests: 0, close: () => void server.close() }
  const server = createServer((_request, response) => {
    state.requests += 1
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.int() }).parse(server.address())
  state.url = `http://127.0.0.1:${port}/jwks`
  return state
}
