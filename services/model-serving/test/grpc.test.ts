import { credentials, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadInferenceService } from '../src/grpc/definition.ts'
import {
  freePort,
  type Serving,
  startServing,
  temporaryFolder,
  testModel,
  writeCatalogue,
} from './support.ts'

let serving: Serving
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let client: InstanceType<ReturnType<typeof loadInferenceService>>
beforeAll(async () => {
  folder = await temporaryFolder()
  const same = [...Object.keys(typed), 'FP16'].map(datatype => `same-${datatype.toLowerCase()}`)
  const models = [...same, 'look-up', 'logarithm'].map(name => ({
    name,
    thread: 'main',
    versions: [{ version: '1', source: testModel(name) }],
  }))
  const port = await freePort()
  serving = await startServing({
    MODELS: await writeCatalogue(folder.path, models),
    MAX_BODY_BYTES: '100000',
    GRPC_PORT: String(port),
  })
  client = new (loadInferenceService())(`127.0.0.1:${port}`, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await serving[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

function call(method: string, request: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client[method]?.(request, (error: Error | null, response: unknown) =>
      error === null ? resolve(response) : reject(error),
    )
  })
}

/** Elements in the field of their datatype, as the client library gives them back. */
const typed: Readonly<Record<string, object>> = {
  BOOL: { bool_contents: [true, false] },
  UINT8: { uint_contents: [0, 255] },
  UINT16: { uint_contents: [1, 65535] },
  UINT32: { uint_contents: [1, 4294967295] },
  UINT64: { uint64_contents: ['9007199254740993', '18446744073709551615'] },
  INT8: { int_contents: [-128, 127] },
  INT16: { int_contents: [-32768, 32767] },
  INT32: { int_contents: [-2147483648, 2147483647] },
  INT64: { int64_contents: ['-9223372036854775808', '9007199254740993'] },
  FP32: { fp32_contents: [0.5, -16777216] },
  FP64: { fp64_contents: [0.1, Number.MAX_VALUE] },
  BYTES: { bytes_contents: [Buffer.from('Grüße'), Buffer.from('😀')] },
}
const shape = [1, 2]

test('the server and its models describe themselves', async () => {
  expect(await call('ServerLive')).toEqual({ live: true })
  expect(await call('ServerReady')).toEqual({ ready: true })
  expect(await call('ServerMetadata')).toMatchObject({ name: 'model-serving' })
  expect(await call('ModelReady', { name: 'look-up' })).toEqual({ ready: true })
  expect(await call('ModelMetadata', { name: 'look-up', version: '1' })).toEqual({
    name: 'look-up',
    versions: ['1'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['-1'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['-1'] }],
  })
})

test.each(Object.entries(typed))('%s goes through a model unchanged', async (datatype, contents) => {
  const inputs = [{ name: 'x', datatype, shape, contents }]
  const request = { model_name: `same-${datatype.toLowerCase()}`, id: 'a', inputs, outputs: [{ name: 'y' }] }
  expect(await call('ModelInfer', request)).toMatchObject({
    model_name: request.model_name,
    model_version: '1',
    id: 'a',
    outputs: [{ name: 'y', datatype, shape: ['1', '2'], contents }],
    raw_output_contents: [],
  })
})

test('what comes raw is answered raw, FP16 among it', async () => {
  for (const [datatype, bytes] of [
    ['FP16', Buffer.from(Uint16Array.of(0x3800, 0xfbff).buffer)],
    ['INT64', Buffer.from(BigInt64Array.of(-1n, 9007199254740993n).buffer)],
    ['BYTES', Buffer.from([1, 0, 0, 0, 65, 0, 0, 0, 0])],
  ] as const) {
    const request = {
      model_name: `same-${datatype.toLowerCase()}`,
      inputs: [{ name: 'x', datatype, shape }],
      raw_input_contents: [bytes],
    }
    expect(await call('ModelInfer', request)).toMatchObject({
      outputs: [{ name: 'y', datatype, shape: ['1', '2'], contents: null }],
      raw_output_contents: [bytes],
    })
  }
})

test('NaN and the infinities are numbers here', async () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [3], contents: { fp32_contents: [1, 0, -1] } }]
  expect(await call('ModelInfer', { model_name: 'logarithm', inputs })).toMatchObject({
    outputs: [{ contents: { fp32_contents: [0, -Infinity, Number.NaN] } }],
  })
})

describe('refused', () => {
  const fp32 = { name: 'x', datatype: 'FP32', shape, contents: { fp32_contents: [1, 2] } }
  const int8 = { name: 'x', datatype: 'INT8', shape, contents: { int_contents: [1, 200] } }
  const fp16 = { name: 'x', datatype: 'FP16', shape, contents: { fp32_contents: [1, 2] } }
  const beyond = { name: 'index', datatype: 'INT64', shape: [1], contents: { int64_contents: [7] } }
  test.each([
    ['an unknown model', { model_name: 'nothing', inputs: [fp32] }, 'NOT_FOUND', /no model/],
    ['an unknown version', { model_version: '2', inputs: [fp32] }, 'NOT_FOUND', /no version/],
    ['no inputs', { inputs: [] }, 'INVALID_ARGUMENT', /inputs/],
    ['another shape', { inputs: [{ ...fp32, shape: [2, 2] }] }, 'INVALID_ARGUMENT', /takes 4/],
    [
      'a shape beyond all bounds',
      { inputs: [{ ...fp32, shape: ['9'.repeat(18)] }] },
      'INVALID_ARGUMENT',
      /shape/,
    ],
    ['another datatype', { inputs: [{ ...fp32, datatype: 'FP64' }] }, 'INVALID_ARGUMENT', /fp64_contents/],
    ['an unknown datatype', { inputs: [{ ...fp32, datatype: 'BF16' }] }, 'INVALID_ARGUMENT', /datatype/],
    [
      'a number too large',
      { model_name: 'same-int8', inputs: [int8] },
      'INVALID_ARGUMENT',
      /200 does not fit/,
    ],
    ['FP16 that is not raw', { model_name: 'same-fp16', inputs: [fp16] }, 'INVALID_ARGUMENT', /raw/],
    [
      'raw and not raw',
      { inputs: [fp32], raw_input_contents: [Buffer.alloc(8)] },
      'INVALID_ARGUMENT',
      /and raw/,
    ],
    [
      'too few raw bytes',
      { inputs: [{ ...fp32, contents: null }], raw_input_contents: [Buffer.alloc(7)] },
      'INVALID_ARGUMENT',
      /7 bytes/,
    ],
    [
      'more raw than inputs',
      { inputs: [fp32], raw_input_contents: [Buffer.alloc(8), Buffer.alloc(8)] },
      'INVALID_ARGUMENT',
      /2 raw/,
    ],
    ['an unknown output', { inputs: [fp32], outputs: [{ name: 'z' }] }, 'INVALID_ARGUMENT', /'z'/],
    [
      'values the model fails on',
      { model_name: 'look-up', inputs: [beyond] },
      'INVALID_ARGUMENT',
      /out of data bounds/,
    ],
    [
      'a message too large',
      { id: 'a'.repeat(200_000), inputs: [fp32] },
      'RESOURCE_EXHAUSTED',
      /larger than max/,
    ],
  ] as const)('%s', async (_, request, code, details) => {
    await expect(call('ModelInfer', { model_name: 'same-fp32', ...request })).rejects.toMatchObject({
      code: status[code],
      details: expect.stringMatching(details),
    })
    expect(await call('ServerLive')).toEqual({ live: true })
  })
})
