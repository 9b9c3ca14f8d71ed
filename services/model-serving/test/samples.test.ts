import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { infer, type Serving, startServing, temporaryFolder, writeCatalogue } from './support.ts'

let serving: Serving
beforeAll(async () => {
  serving = await startServing()
})
afterAll(() => serving[Symbol.asyncDispose]())

test('iris tells three flowers apart', async () => {
  const { outputs } = await infer(serving.url, 'iris', {
    inputs: [
      {
        name: 'measurements',
        datatype: 'FP32',
        shape: [3, 4],
        data: [
          [5.1, 3.5, 1.4, 0.2],
          [6.0, 2.9, 4.5, 1.5],
          [6.3, 3.3, 6.0, 2.5],
        ],
      },
    ],
  })
  expect(outputs[0]).toEqual({
    name: 'species',
    datatype: 'BYTES',
    shape: [3],
    data: ['setosa', 'versicolor', 'virginica'],
  })
})

/** A three, as scikit-learn's digits have it: 8x8 pixels from 0 to 16. */
const three = [
  0, 0, 7, 15, 13, 1, 0, 0, 0, 8, 13, 6, 15, 4, 0, 0, 0, 2, 1, 13, 13, 0, 0, 0, 0, 0, 2, 15, 11, 1, 0, 0, 0,
  0, 0, 1, 12, 12, 1, 0, 0, 0, 0, 0, 1, 10, 8, 0, 0, 0, 8, 4, 5, 14, 9, 0, 0, 0, 7, 13, 13, 9, 0, 0,
]
const request = { inputs: [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], data: three }] }

describe('digits', () => {
  test.each([
    ['digits', '1'],
    ['digits/versions/1', '1'],
    ['digits/versions/2', '2'],
    ['digits/versions/candidate', '2'],
  ])('%s is version %s and sees a three', async (path, version) => {
    const answer = await infer(serving.url, path, request)
    expect(answer.model_version).toBe(version)
    const probabilities = (answer.outputs[0]?.data ?? []).map(Number)
    expect(probabilities.indexOf(Math.max(...probabilities))).toBe(3)
    expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 5)
  })

  test('answers the same in a batch as alone', async () => {
    await using folder = await temporaryFolder()
    const source = pathToFileURL(join(import.meta.dirname, '../models/digits/1/model.onnx')).href
    // Client and server share a thread here: without a wait, requests might come one by one.
    const batching = { maxRows: 64, maxDelayMs: 500 }
    const models = [{ name: 'digits', versions: [{ version: '1', source }], batching }]
    await using batched = await startServing({ MODELS: await writeCatalogue(folder.path, models) })
    const alone = await infer(batched.url, 'digits', request)
    const together = await Promise.all(
      Array.from({ length: 50 }, () => infer(batched.url, 'digits', request)),
    )
    for (const { outputs } of together) {
      for (const [index, probability] of (outputs[0]?.data ?? []).entries()) {
        expect(Number(probability)).toBeCloseTo(Number(alone.outputs[0]?.data?.[index]), 5)
      }
    }
    const metrics = await (await fetch(`${batched.url}/metrics`)).text()
    const value = (name: string): number =>
      Number(new RegExp(`^${name}\\{model="digits",version="1"\\} (\\d+)$`, 'm').exec(metrics)?.[1])
    expect(value('model_inferences_total')).toBe(value('model_batch_requests_sum'))
    expect(value('model_batch_requests_count')).toBeLessThan(value('model_batch_requests_sum'))
  })
})

test('metadata says what a model takes and gives', async () => {
  const ask = async (path: string) => (await fetch(`${serving.url}${path}`)).json()
  expect(await ask('/v2/models/iris')).toEqual({
    name: 'iris',
    versions: ['1'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'measurements', datatype: 'FP32', shape: [-1, 4] }],
    outputs: [
      { name: 'species', datatype: 'BYTES', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
    ],
  })
  expect(await ask('/v2/models/digits/versions/candidate')).toMatchObject({ versions: ['1', '2'] })
  expect(await ask('/v2')).toMatchObject({
    name: 'model-serving',
    extensions: ['binary_tensor_data', 'model_repository'],
  })
  expect(await ask('/v2/health/live')).toEqual({ live: true })
  expect(await ask('/v2/health/ready')).toEqual({ ready: true })
  expect(await ask('/v2/models/iris/ready')).toEqual({ name: 'iris', ready: true })
  expect(await ask('/v2/models/iris/versions/1/ready')).toEqual({ name: 'iris', ready: true })
})
