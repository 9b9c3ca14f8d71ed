import { setTimeout as delay } from 'node:timers/promises'
import { eventually, rawRequest } from '@mlp/service-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Emulators, startEmulators } from './support/emulators.ts'
import { type Service, startService } from './support/service.ts'

const apiToken = 'a-secret-token-of-the-api'

let emulators: Emulators
let service: Service
beforeAll(async () => {
  emulators = await startEmulators(['s3'])
  service = await startService(emulators, { API_TOKEN: apiToken, LOG_LEVEL: 'trace' })
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
  await emulators?.[Symbol.asyncDispose]()
})

const authorization = `Bearer ${apiToken}`
const json = { 'content-type': 'application/json', authorization }
const job = { name: 'good', source: 's3://one', destinations: ['gs://two'] }
const nowhere = '00000000-0000-4000-8000-000000000000'

async function mustRefuse(status: number, path: string, init: RequestInit): Promise<void> {
  const response = await service.call(path, init)
  const text = await response.text()
  expect(response.status, text).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(JSON.parse(text)).toMatchObject({ status })
}
const post = (body: string, headers: Record<string, string> = json): RequestInit => ({
  method: 'POST',
  headers,
  body,
})

describe('a job is refused with 400', () => {
  test.each<[string, object | string]>([
    ['cut off', JSON.stringify(job).slice(0, -5)],
    ['not JSON', 'name: good'],
    ['nested deeply', `{"name":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['with a key that would change prototypes', '{"__proto__":{"a":1},"name":"good"}'],
    ['with a member that there is not', { ...job, extra: true }],
    ['without a source', { ...job, source: undefined }],
    ['with a path in its name', { ...job, name: '../good' }],
    ['with a path in its bucket', { ...job, source: 's3://../etc' }],
    ['with a store that there is not', { ...job, source: 'file:///etc/passwd' }],
    ['with credentials in an address', { ...job, source: 's3://user:password@one' }],
    ['with a destination in its source', { ...job, destinations: ['s3://one/copies'] }],
    ['with three destinations', { ...job, destinations: ['gs://a', 'gs://b', 'gs://c'] }],
    ['that deletes more than all', { ...job, deletions: { maxRatio: 2 } }],
    [
      'with a ratio that is no number',
      '{"name":"good","source":"s3://one","destinations":["gs://two"],"deletions":{"maxRatio":NaN}}',
    ],
    ['with a time that never is', { ...job, schedule: { cron: '99 * * * *' } }],
    [
      'in a time zone that there is not',
      { ...job, schedule: { cron: '0 3 * * *', timeZone: 'Mars/Olympus' } },
    ],
  ])('%s', async (_what, body) => {
    await mustRefuse(400, '/v1/jobs', post(typeof body === 'string' ? body : JSON.stringify(body)))
  })
})

test.each([
  ['a body that is too large', 413, '/v1/jobs', post(JSON.stringify({ ...job, name: 'x'.repeat(2 << 20) }))],
  ['another media type', 415, '/v1/jobs', post('name: good', { 'content-type': 'text/yaml', authorization })],
  ['an id that is none', 400, '/v1/jobs/..%2f..%2fetc%2fpasswd', { headers: json }],
  ['an id that nothing has', 404, `/v1/jobs/${nowhere}`, { headers: json }],
  ['a run of no job', 404, `/v1/jobs/${nowhere}/runs`, post('{}')],
  ['a page that is none', 400, '/v1/jobs?limit=-1', { headers: json }],
  [
    'a change based on nothing',
    400,
    `/v1/jobs/${nowhere}`,
    { method: 'PUT', headers: json, body: JSON.stringify(job) },
  ],
  ['another method', 405, '/v1/jobs', { method: 'PATCH', headers: json }],
  ['no token', 401, '/v1/jobs', {}],
  ['a token that is nearly right', 401, '/v1/jobs', { headers: { authorization: `${authorization}x` } }],
])('%s is refused with %i', async (_what, status, path, init) => {
  await mustRefuse(status, path, init)
})

test('a flood of headers is refused with 431', async () => {
  const { port } = new URL(service.process.url)
  const flood = Array.from({ length: 2_000 }, (_, index) => `x-${index}: ${'y'.repeat(20)}\r\n`).join('')
  const answer = await rawRequest(Number(port), `GET /v1/jobs HTTP/1.1\r\nhost: x\r\n${flood}\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
})

test('a location with what is not there fails the run in words, not the process', async () => {
  const made = await service.call(
    '/v1/jobs',
    post(JSON.stringify({ ...job, name: 'lost', source: 's3://nowhere' })),
  )
  const { id } = (await made.json()) as { id: string }
  const accepted = (await (await service.call(`/v1/jobs/${id}/runs`, post('{}'))).json()) as { id: string }
  let run = { state: '', problem: '' }
  await eventually('the run to end', async () => {
    run = (await (await service.call(`/v1/runs/${accepted.id}`, { headers: json })).json()) as typeof run
    return run.state === 'failed'
  })
  expect(run.problem).toContain('nowhere')
})

test('after all of this the process lives, and no secret is in its log or its metrics', async () => {
  expect((await service.call('/health')).status).toBe(200)
  expect((await service.call('/ready')).status).toBe(200)
  const metrics = await (await service.call('/metrics')).text()
  // Lines come a moment after what they tell.
  await delay(200)
  const log = JSON.stringify(service.process.lines)
  expect(service.process.lines.length).toBeGreaterThan(20)
  const { AWS_SECRET_ACCESS_KEY: secretKey = '' } = emulators.environment
  expect(secretKey).not.toBe('')
  for (const secret of [apiToken, secretKey]) {
    expect(log).not.toContain(secret)
    expect(metrics).not.toContain(secret)
  }
})
