import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, startProcess } from '@mlp/service-kit/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { createApiKey } from '../src/authentication/api-keys.ts'
import { type ModelServer, startModelServer } from './model-server.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const { key, id, sha256 } = createApiKey()
let folder: string
let models: ModelServer

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-'))
  models = await startModelServer()
  await writeFile(
    join(folder, 'keys.yaml'),
    stringify({ clients: [{ name: 'all', scopes: ['infer:*'], keys: [{ id, sha256 }] }] }),
  )
  await configure({ upstreams: { main: { url: models.url } }, defaultUpstream: 'main' })
})
afterEach(async () => {
  await models[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const configure = (configuration: object) => writeFile(join(folder, 'gateway.yaml'), stringify(configuration))
const start = (environment: Record<string, string> = {}) =>
  startProcess(main, {
    CONFIG_FILE: join(folder, 'gateway.yaml'),
    API_KEYS_FILE: join(folder, 'keys.yaml'),
    ...environment,
  })

test('no secret in the log, not even at level trace, and none in the metrics', async () => {
  await using gateway = await start({ LOG_LEVEL: 'trace' })
  const token = `e30.${Buffer.from('{"iss":"https://evil"}').toString('base64url')}.c2lnbmF0dXJl`
  const almostKey = `${key.slice(0, -3)}zzz`
  const secrets = [
    key,
    almostKey,
    token,
    sha256,
    'session-cookie',
    'query-secret',
    'body-secret',
    'upstream-secret',
  ]
  const post = (headers: Record<string, string>, path = '/v2/models/iris/infer?token=query-secret') =>
    fetch(gateway.url + path, { method: 'POST', headers, body: 'body-secret' })
  const cookie = 'session-cookie'
  await post({ 'x-api-key': key, cookie })
  await post({ 'x-api-key': almostKey, cookie })
  await post({ authorization: `Bearer ${token}` })
  await post({ 'x-api-key': key }, '/v2/models/%zz')
  models.behave = (_request, response) =>
    response.writeHead(500, { 'x-secret': 'upstream-secret' }).end('upstream-secret')
  await post({ 'x-api-key': key })
  models.behave = request => request.socket.destroy()
  await post({ 'x-api-key': key })
  await eventually(
    'six lines',
    () => gateway.lines.filter(({ msg }) => msg === 'request completed').length >= 6,
  )

  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  const log = JSON.stringify(gateway.lines)
  for (const secret of secrets) {
    expect(log, `the log and ${secret.slice(0, 8)}`).not.toContain(secret)
    expect(metrics, `the metrics and ${secret.slice(0, 8)}`).not.toContain(secret)
  }
  expect(log).not.toContain(key.split('_').slice(2).join('_'))
})

test('what clients send never becomes a label: the metrics stay as few as they are', async () => {
  await using gateway = await start()
  // Node's own come and go with what it does.
  const count = async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text()
    return text.split('\n').filter(line => /^(http|gateway)_/.test(line)).length
  }
  const ask = (index: number) =>
    fetch(`${gateway.url}/v2/models/model-${index}`, {
      headers: { 'x-api-key': key, 'x-request-id': `r-${index}` },
    })
  for (let index = 0; index < 3; index += 1) await ask(index)
  // The first time the metrics do not count themselves yet.
  await count()
  const before = await count()
  for (let index = 3; index < 30; index += 1) await ask(index)
  expect(await count()).toBe(before)
})

test('SIGTERM while an answer comes: it comes whole, and the process ends with 0', async () => {
  await using gateway = await start()
  let proceed = () => {}
  models.behave = (_request, response) => {
    response.writeHead(200)
    response.write('first ')
    proceed = () => response.end('second')
  }
  const response = await fetch(`${gateway.url}/v2/models/iris`, { headers: { 'x-api-key': key } })
  gateway.child.kill('SIGTERM')
  await eventually('the drain', () => gateway.lines.some(({ msg }) => msg === 'draining'))
  await eventually('new connections to be refused', () =>
    fetch(`${gateway.url}/health`).then(
      () => false,
      () => true,
    ),
  )
  proceed()
  expect(await response.text()).toBe('first second')
  expect(await gateway.exited).toBe(0)
})

describe('a start that cannot be', () => {
  test.each([
    ['no configuration', { CONFIG_FILE: '/nowhere/gateway.yaml' }, '/nowhere/gateway.yaml: ENOENT'],
    ['no keys', { API_KEYS_FILE: '/nowhere/keys.yaml' }, '/nowhere/keys.yaml: ENOENT'],
    ['nobody who could sign in', { API_KEYS_FILE: '' }, 'nobody could sign in'],
    ['plain Redis elsewhere', { REDIS_URL: 'redis://cache.example:6379' }, 'REDIS_URL: expected rediss://'],
    [
      'a password in an address',
      { REDIS_URL: 'rediss://:hunter2@cache.example' },
      'REDIS_URL: expected no password',
    ],
    [
      'an identity without its cache',
      { REDIS_AUTHENTICATION: 'aws' },
      'REDIS_CACHE_NAME: is required for aws',
    ],
  ])('%s: said in words, exit 2', async (_what, environment, message) => {
    const failure = await start(environment).then(
      () => undefined,
      error => String(error),
    )
    expect(failure).toContain('ended with 2')
    expect(failure).toContain(message)
    expect(failure).not.toContain('hunter2')
    expect(failure).not.toMatch(/\n\s+at /)
  })

  test('every mistake in the configuration, and where', async () => {
    await configure({ upstreams: { main: { url: 'ftp://x', retries: 99 } }, defaultUpstream: 'other' })
    const failure = await start().catch(error => String(error))
    for (const part of [
      'ended with 2',
      'gateway.yaml:3: upstreams.main.url',
      'gateway.yaml:4: upstreams.main.retries',
    ]) {
      expect(failure).toContain(part)
    }
  })
})
