import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually, type ServiceProcess, startProcess } from '@mlp/service-kit/testing'
import { expect, test } from 'vitest'
import { infer, post, temporaryFolder, testModel, writeCatalogue } from './support.ts'

const mainFile = join(import.meta.dirname, '../src/main.ts')
const secrets = { REPOSITORY_TOKEN: 'secret-repository-token', MLFLOW_TRACKING_TOKEN: 'secret-mlflow-token' }

async function whenReady(process: ServiceProcess): Promise<ServiceProcess> {
  await eventually('all models', async () => (await fetch(`${process.url}/ready`)).ok, 30_000)
  return process
}

test('SIGTERM in the midst of requests drops none, in the main thread or in one of its own', async () => {
  await using folder = await temporaryFolder()
  const models = (['main', 'own'] as const).map(thread => ({
    name: `slow-${thread}`,
    thread,
    versions: [{ version: '1', source: testModel('slow') }],
  }))
  await using process = await whenReady(
    await startProcess(mainFile, {
      MODELS: await writeCatalogue(folder.path, models),
      PROCESSORS: '1',
      GRPC_PORT: '0',
    }),
  )
  const request = { inputs: [{ name: 'steps', datatype: 'INT64', shape: [1], data: [150] }] }
  const answers = Array.from({ length: 20 }, (_, index) =>
    infer(process.url, index % 2 === 0 ? 'slow-main' : 'slow-own', request),
  )
  // A connection that the kernel still keeps for a process is reset when it no longer listens: all have to have got in.
  await eventually(
    'all requests to have begun',
    async () => {
      const metrics = await (await fetch(`${process.url}/metrics`)).text()
      const ended = /^http_server_request_duration_seconds_count\{.*infer.*\} (\d+)$/gm
      const endings = [...metrics.matchAll(ended)].reduce((sum, [, count]) => sum + Number(count), 0)
      const active = Number(/^http_server_active_requests (\d+)$/m.exec(metrics)?.[1])
      // One of those that are active asks this.
      return endings + active - 1 === answers.length
    },
    60_000,
  )
  process.child.kill('SIGTERM')
  for (const answer of await Promise.all(answers)) expect(answer.outputs[0]?.data).toEqual([128])
  expect(await process.exited).toBe(0)
  expect(process.lines.map(({ msg }) => msg)).toContain('drained')
})

test('SIGTERM while a body is still on its way waits for it', async () => {
  await using process = await whenReady(await startProcess(mainFile, { GRPC_PORT: '0' }))
  const body = JSON.stringify({
    inputs: [{ name: 'measurements', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }],
  })
  const socket = connect(Number(new URL(process.url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text
  })
  socket.write(
    `POST /v2/models/iris/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  )
  socket.write(body.slice(0, 50))
  await eventually('the request', async () =>
    /http_server_active_requests [1-9]/.test(await (await fetch(`${process.url}/metrics`)).text()),
  )
  process.child.kill('SIGTERM')
  await eventually('the drain', () => process.lines.some(({ msg }) => msg === 'draining'))
  // Long enough that a server which does not wait would have closed.
  await delay(300)
  socket.write(body.slice(50))
  await once(socket, 'close')
  expect(answer).toMatch(/^HTTP\/1.1 200 /)
  expect(answer).toContain('"setosa"')
  expect(await process.exited).toBe(0)
})

test('the runtime reports nothing to its publisher, and keeps no id of the machine', async () => {
  await using folder = await temporaryFolder()
  await using home = await temporaryFolder()
  const models = (['main', 'own'] as const).map(thread => ({
    name: `any-${thread}`,
    thread,
    versions: [{ version: '1', source: testModel('slow') }],
  }))
  await using process = await whenReady(
    await startProcess(mainFile, {
      MODELS: await writeCatalogue(folder.path, models),
      GRPC_PORT: '0',
      HOME: home.path,
      XDG_CACHE_HOME: '',
    }),
  )
  process.child.kill('SIGTERM')
  expect(await process.exited).toBe(0)
  expect(await readdir(home.path)).toEqual([])
})

test('no secret is in the logs or the metrics', async () => {
  await using process = await whenReady(
    await startProcess(mainFile, {
      ...secrets,
      LOG_LEVEL: 'trace',
      MLFLOW_TRACKING_URI: 'http://127.0.0.1:9',
    }),
  )
  const bearer = { authorization: `Bearer ${secrets.REPOSITORY_TOKEN}` }
  expect((await post(`${process.url}/v2/repository/models/iris/load`, '{}', bearer)).status).toBe(200)
  expect(
    (await post(`${process.url}/v2/repository/models/nothing/load?token=secret`, '{}', bearer)).status,
  ).toBe(404)
  const metrics = await (await fetch(`${process.url}/metrics`)).text()
  process.child.kill('SIGTERM')
  await process.exited
  expect(metrics).toContain('model_queued_requests')
  expect(process.lines.length).toBeGreaterThan(5)
  expect(metrics + JSON.stringify(process.lines)).not.toContain('secret')
})

test('settings that are not valid are named, and end the process', async () => {
  await expect(startProcess(mainFile, { REPOSITORY_TOKEN: 'short', MAX_BODY_BYTES: 'many' })).rejects.toThrow(
    /ended with 2[\s\S]*MAX_BODY_BYTES[\s\S]*REPOSITORY_TOKEN|ended with 2[\s\S]*REPOSITORY_TOKEN[\s\S]*MAX_BODY_BYTES/,
  )
})
