import { hash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Emulators, startEmulators } from './support/emulators.ts'
import { contentOf, fill, open } from './support/objects.ts'
import { type Service, startService } from './support/service.ts'

let emulators: Emulators
let service: Service
beforeAll(async () => {
  emulators = await startEmulators()
  service = await startService(emulators)
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
  await emulators?.[Symbol.asyncDispose]()
})

test('a job copies a bucket, and its results say with which content', async () => {
  await emulators.makeBuckets('first')
  const stores = emulators.open()
  const content = Buffer.from('a small model')
  await fill(open(stores, 's3://first/models'), { 'a/model.onnx': content, 'b.txt': Buffer.from('b') })
  const job = await service.makeJob({
    name: 'first',
    source: 's3://first/models',
    destinations: ['gs://first/copies'],
  })
  const accepted = await service.startRun(job.id)
  expect(accepted).toMatchObject({ state: 'queued', jobId: job.id })
  const run = await service.ended(accepted.id)
  expect(run).toMatchObject({ state: 'succeeded', attempt: 1 })
  expect(run.progress?.destinations).toMatchObject([{ copied: 2, failed: 0, bytesSent: content.length + 1 }])
  expect(await contentOf(open(stores, 'gs://first/copies'), 'a/model.onnx')).toEqual(content)
  const sha256 = hash('sha256', content)
  const objects = await service.objects(run.id)
  expect(objects.find(({ key }) => key === 'a/model.onnx')).toMatchObject({
    ...{ destination: 'gs://first/copies', action: 'copy', outcome: 'done', contentHash: sha256 },
  })
  const copy = await open(stores, 'gs://first/copies').describe('a/model.onnx', AbortSignal.timeout(5_000))
  expect(copy?.attributes).toMatchObject({
    contentType: 'text/plain',
    metadata: { owner: 'tests', mlpsha256: sha256 },
  })
})

test('progress is told as events until the run is over', async () => {
  await emulators.makeBuckets('events')
  await fill(open(emulators.open(), 's3://events'), { 'a.txt': Buffer.from('a') })
  const job = await service.makeJob({ name: 'events', source: 's3://events', destinations: ['gs://events'] })
  const run = await service.startRun(job.id)
  const response = await service.call(`/v1/runs/${run.id}/progress`)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const events = (await response.text()).split('\n\n').filter(text => text !== '')
  expect(events.at(-1)).toMatch(/^event: end\ndata: \{.*"state":"succeeded"/)
})
