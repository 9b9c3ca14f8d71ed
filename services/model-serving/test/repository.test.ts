import { createHash } from 'node:crypto'
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '@mlp/service-kit/testing'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { fetchVerified } from '../src/repository/cache.ts'
import { parseCatalogue } from '../src/repository/catalogue.ts'
import {
  infer,
  post,
  problemOf,
  startServing,
  temporaryFolder,
  testModel,
  writeCatalogue,
} from './support.ts'

const token = 'a-token-for-the-tests'
const bearer = { authorization: `Bearer ${token}` }
const request = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [3] }] }
const served = (source: string, version = '1') => ({
  name: 'm',
  thread: 'main',
  versions: [{ version, source }],
  batching: { maxRows: 4 },
})

const indexSchema = z.array(
  z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string() }),
)
const indexOf = async (url: string) =>
  indexSchema.parse(await (await fetch(`${url}/v2/repository/index`, { method: 'POST' })).json())

/** Asks again and again until stopped; every answer has to be a result, or not to be there (404). */
function askThroughout(url: string) {
  const statuses: number[] = []
  let stopped = false
  const asking = Array.from({ length: 8 }, async () => {
    while (!stopped) {
      const response = await post(`${url}/v2/models/m/infer`, JSON.stringify(request))
      await response.arrayBuffer()
      statuses.push(response.status)
    }
  })
  return {
    statuses,
    async stop() {
      stopped = true
      await Promise.all(asking)
    },
  }
}

test('a new version takes over without a request lost', async () => {
  await using folder = await temporaryFolder()
  await using serving = await startServing({
    MODELS: await writeCatalogue(folder.path, [served(testModel('same-fp32'))]),
    REPOSITORY_TOKEN: token,
  })
  const clients = askThroughout(serving.url)
  for (let version = 2; version < 6; version++) {
    await eventually('requests', () => clients.statuses.length > version * 20)
    await writeCatalogue(folder.path, [served(testModel('same-fp32'), String(version))])
    const loaded = await post(`${serving.url}/v2/repository/models/m/load`, '{}', bearer)
    expect(loaded.status).toBe(200)
    expect((await infer(serving.url, 'm', request)).model_version).toBe(String(version))
    expect(await indexOf(serving.url)).toEqual([
      { name: 'm', version: String(version), state: 'READY', reason: '' },
    ])
  }
  await clients.stop()
  expect(new Set(clients.statuses)).toEqual(new Set([200]))
})

test('unloading answers what was accepted, loading brings the model back', async () => {
  await using folder = await temporaryFolder()
  await using serving = await startServing({
    MODELS: await writeCatalogue(folder.path, [served(testModel('same-fp32'))]),
    REPOSITORY_TOKEN: token,
  })
  const clients = askThroughout(serving.url)
  for (let round = 1; round < 5; round++) {
    await eventually('requests', () => clients.statuses.length > round * 20)
    expect((await post(`${serving.url}/v2/repository/models/m/unload`, '{}', bearer)).status).toBe(200)
    expect(
      (await problemOf(await post(`${serving.url}/v2/models/m/infer`, JSON.stringify(request)))).status,
    ).toBe(404)
    expect(await indexOf(serving.url)).toEqual([
      { name: 'm', version: '', state: 'UNAVAILABLE', reason: 'unloaded' },
    ])
    expect((await post(`${serving.url}/v2/repository/models/m/load`, '{}', bearer)).status).toBe(200)
  }
  await clients.stop()
  // While it is loaded again it is known but not ready.
  expect(clients.statuses.filter(status => ![200, 404, 503].includes(status))).toEqual([])
  expect((await post(`${serving.url}/v2/repository/models/nothing/load`, '{}', bearer)).status).toBe(404)
  expect((await post(`${serving.url}/v2/repository/models/nothing/unload`, '{}', bearer)).status).toBe(404)
})

test('a version that cannot be loaded takes nothing away', async () => {
  await using folder = await temporaryFolder()
  await using serving = await startServing({
    MODELS: await writeCatalogue(folder.path, [served(testModel('same-fp32'))]),
    REPOSITORY_TOKEN: token,
  })
  await writeFile(join(folder.path, 'broken.onnx'), 'not a model')
  const load = () => post(`${serving.url}/v2/repository/models/m/load`, '{}', bearer)
  for (const [source, sha256] of [
    ['broken.onnx', undefined],
    ['nothing.onnx', undefined],
    [testModel('same-fp32'), '0'.repeat(64)],
  ]) {
    await writeCatalogue(folder.path, [{ ...served('x'), versions: [{ version: '2', source, sha256 }] }])
    await load()
    expect((await infer(serving.url, 'm', request)).model_version).toBe('1')
  }
  await writeFile(join(folder.path, 'models.json'), '{"models": [')
  expect((await load()).status).toBe(503)
  expect((await infer(serving.url, 'm', request)).model_version).toBe('1')
})

test('a model that mixes rows is not batched', async () => {
  await using folder = await temporaryFolder()
  await using serving = await startServing({
    MODELS: await writeCatalogue(folder.path, [served(testModel('same-fp32'))]),
    REPOSITORY_TOKEN: token,
  })
  for (const [name, reason] of [
    ['share-of-batch', /cannot be batched/],
    ['slow', /first dimension/],
  ] as const) {
    await writeCatalogue(folder.path, [served(testModel('same-fp32')), { ...served(testModel(name)), name }])
    const refused = await post(`${serving.url}/v2/repository/models/${name}/load`, '{}', bearer)
    expect((await problemOf(refused)).detail).toMatch(reason)
  }
})

test('what changes is found without being told, what failed is tried again', async () => {
  await using folder = await temporaryFolder()
  const catalogue = await writeCatalogue(folder.path, [
    served(testModel('same-fp32')),
    { ...served('late.onnx'), name: 'late' },
  ])
  const starting = startServing({ MODELS: catalogue, REFRESH_SECONDS: '1' })
  await copyFile(fileURLToPath(testModel('same-fp32')), join(folder.path, 'late.onnx'))
  await using serving = await starting
  expect((await infer(serving.url, 'late', request)).model_version).toBe('1')
  await writeCatalogue(folder.path, [served(testModel('same-fp32'), '7')])
  await eventually('version 7', async () => (await infer(serving.url, 'm', request)).model_version === '7')
  await eventually(
    'the other to be gone',
    async () => (await fetch(`${serving.url}/v2/models/late`)).status === 404,
  )
})

test('a slow model in its own thread keeps nobody else waiting', async () => {
  await using folder = await temporaryFolder()
  await using serving = await startServing({
    PROCESSORS: '1',
    MODELS: await writeCatalogue(folder.path, [
      {
        name: 'slow',
        thread: 'own',
        versions: [{ version: '1', source: testModel('slow') }],
        queue: { maxRequests: 2, maxWaitMs: 60_000 },
      },
      served(testModel('same-fp32')),
    ]),
  })
  const steps = (count: number) =>
    post(
      `${serving.url}/v2/models/slow/infer`,
      JSON.stringify({ inputs: [{ name: 'steps', datatype: 'INT64', shape: [1], data: [count] }] }),
    )
  expect((await steps(1)).status).toBe(200)
  let isDone = false
  const slow = steps(3000).then(response => {
    isDone = true
    return response
  })
  await eventually('the slow one to run', async () =>
    /model_queued_requests\{model="slow",version="1"\} 0/.test(
      await (await fetch(`${serving.url}/metrics`)).text(),
    ),
  )
  await infer(serving.url, 'm', request)
  const waiting = [steps(1), steps(1)]
  await eventually('two to wait', async () =>
    /model_queued_requests\{model="slow",version="1"\} 2/.test(
      await (await fetch(`${serving.url}/metrics`)).text(),
    ),
  )
  const refused = await steps(1)
  expect(isDone).toBe(false)
  expect(refused.status).toBe(503)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await problemOf(refused)).type).toBe('urn:mlp:problem:overloaded')
  for (const response of [await slow, ...(await Promise.all(waiting))]) expect(response.status).toBe(200)
})

test('the cache holds only whole and verified files', async () => {
  await using folder = await temporaryFolder()
  const cache = join(folder.path, 'cache')
  const content = Buffer.from('a model')
  const digest = createHash('sha256').update(content).digest('hex')
  let downloads = 0
  const download = (chunks: readonly Buffer[]) => async () => {
    downloads++
    return (async function* () {
      for (const chunk of chunks) yield chunk
    })()
  }
  const whole = download([content.subarray(0, 3), content.subarray(3)])
  const first = await fetchVerified(cache, digest, whole)
  expect(await readFile(first.path)).toEqual(content)
  expect(await fetchVerified(cache, digest, whole)).toEqual(first)
  expect(downloads).toBe(1)

  await writeFile(first.path, 'a m0del')
  expect(await fetchVerified(cache, digest, whole)).toEqual(first)
  expect(await readFile(first.path)).toEqual(content)
  expect(downloads).toBe(2)

  await rm(first.path)
  await expect(fetchVerified(cache, digest, download([content, content]))).rejects.toThrow(/was expected/)
  const breaking = async () =>
    (async function* () {
      yield content
      throw new Error('the connection broke')
    })()
  await expect(fetchVerified(cache, digest, breaking)).rejects.toThrow('the connection broke')
  expect(await readdir(cache)).toEqual([])
})

test.each([
  ['not JSON', '{', /not JSON/],
  ['another model twice', { models: [served('a'), served('b')] }, /m is there twice/],
  ['a path as a name', { models: [{ ...served('a'), name: '../m' }] }, /models.0.name/],
  ['a setting that does not exist', { models: [{ ...served('a'), batch: 5 }] }, /batch/],
  [
    'a digest that is none',
    { models: [{ ...served('a'), versions: [{ source: 'a', sha256: 'f00' }] }] },
    /sha256/,
  ],
])('a catalogue with %s is refused', (_, catalogue, message) => {
  expect(() => parseCatalogue(typeof catalogue === 'string' ? catalogue : JSON.stringify(catalogue))).toThrow(
    message,
  )
})
