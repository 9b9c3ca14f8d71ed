import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  infer,
  inferBinary,
  type Serving,
  startServing,
  temporaryFolder,
  testModel,
  writeCatalogue,
} from './support.ts'

const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
]

let serving: Serving
let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
  const same = ['all', ...datatypes.map(datatype => datatype.toLowerCase())].map(name => ({
    name: `same-${name}`,
    versions: [{ version: '1', source: testModel(`same-${name}`) }],
    batching: { maxRows: 8 },
    thread: 'main',
  }))
  serving = await startServing({ MODELS: await writeCatalogue(folder.path, same) })
})
afterAll(async () => {
  await serving[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** JSON text of elements that a datatype holds exactly, and their bytes. */
const examples: Readonly<Record<string, { json: string; bytes: Buffer }>> = {
  BOOL: { json: '[true,false]', bytes: Buffer.from([1, 0]) },
  UINT8: { json: '[0,255]', bytes: Buffer.from([0, 255]) },
  UINT16: { json: '[1,65535]', bytes: bytesOf(Uint16Array.of(1, 65535)) },
  UINT32: { json: '[1,4294967295]', bytes: bytesOf(Uint32Array.of(1, 4294967295)) },
  UINT64: {
    json: '[9007199254740993,18446744073709551615]',
    bytes: bytesOf(BigUint64Array.of(9007199254740993n, 18446744073709551615n)),
  },
  INT8: { json: '[-128,127]', bytes: bytesOf(Int8Array.of(-128, 127)) },
  INT16: { json: '[-32768,32767]', bytes: bytesOf(Int16Array.of(-32768, 32767)) },
  INT32: { json: '[-2147483648,2147483647]', bytes: bytesOf(Int32Array.of(-2147483648, 2147483647)) },
  INT64: {
    json: '[-9223372036854775808,9007199254740993]',
    bytes: bytesOf(BigInt64Array.of(-9223372036854775808n, 9007199254740993n)),
  },
  FP16: { json: '[0.5,-65504]', bytes: bytesOf(Uint16Array.of(0x3800, 0xfbff)) },
  FP32: { json: '[0.5,-16777216]', bytes: bytesOf(Float32Array.of(0.5, -16777216)) },
  FP64: { json: '[0.1,1.7976931348623157e+308]', bytes: bytesOf(Float64Array.of(0.1, Number.MAX_VALUE)) },
  BYTES: { json: '["Grüße","😀"]', bytes: stringBytes('Grüße', '😀') },
}

function bytesOf(array: ArrayBufferView): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}
function stringBytes(...texts: string[]): Buffer {
  return Buffer.concat(
    texts.flatMap(text => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(Buffer.byteLength(text))
      return [length, Buffer.from(text)]
    }),
  )
}

describe.each(datatypes)('%s', datatype => {
  const { json, bytes } = examples[datatype] ?? { json: '', bytes: Buffer.alloc(0) }
  const path = `same-${datatype.toLowerCase()}`

  test('goes through a model unchanged in JSON', async () => {
    const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,2],"data":${json}}]}`
    const response = await fetch(`${serving.url}/v2/models/${path}/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect(await response.text()).toBe(
      `{"model_name":"${path}","model_version":"1","outputs":[{"name":"y","datatype":"${datatype}","shape":[1,2],"data":${json}}]}`,
    )
  })

  test('goes through a model unchanged as bytes, wherever they begin', async () => {
    for (const name of ['x', 'x ', 'x  ', 'x   ']) {
      const { answer, outputs } = await inferBinary(serving.url, path, [
        { name: 'x', datatype, shape: [2, 1], bytes, ...{ pad: name } },
      ])
      expect(answer.outputs).toEqual([
        { name: 'y', datatype, shape: [2, 1], parameters: { binary_data_size: bytes.length } },
      ])
      expect(outputs).toEqual([bytes])
    }
  })
})

test('all datatypes in one request, some as bytes and some in JSON, as do the outputs', async () => {
  const header = Buffer.from(
    JSON.stringify({
      id: 'mixed "1"',
      inputs: datatypes.map((datatype, index) => ({
        name: `x_${datatype}`,
        datatype,
        shape: [1, 2],
        ...(index % 2 === 0
          ? { parameters: { binary_data_size: examples[datatype]?.bytes.length } }
          : { data: `DATA ${datatype}` }),
      })),
      outputs: datatypes.map((datatype, index) => ({
        name: `y_${datatype}`,
        parameters: { binary_data: index % 2 === 1 },
      })),
    }).replace(/"DATA (\w+)"/g, (_, datatype: string) => examples[datatype]?.json ?? ''),
  )
  const binary = datatypes.flatMap((datatype, index) =>
    index % 2 === 0 ? (examples[datatype]?.bytes ?? []) : [],
  )
  const response = await fetch(`${serving.url}/v2/models/same-all/versions/1/infer`, {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(header.length),
    },
    body: Buffer.concat([header, ...binary]),
  })
  expect(response.status).toBe(200)
  const body = Buffer.from(await response.arrayBuffer())
  const headerBytes = Number(response.headers.get('inference-header-content-length'))
  const text = body.toString('utf8', 0, headerBytes)
  expect(JSON.parse(text)).toMatchObject({ id: 'mixed "1"', model_version: '1' })
  for (const [index, datatype] of datatypes.entries()) {
    if (index % 2 === 0) expect(text).toContain(`"data":${examples[datatype]?.json}`)
  }
  expect(body.subarray(headerBytes)).toEqual(
    Buffer.concat(
      datatypes.flatMap((datatype, index) => (index % 2 === 1 ? (examples[datatype]?.bytes ?? []) : [])),
    ),
  )
})

test('requests that are batched get the rows that they sent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      async (rowsOf, widths) => {
        const requests = rowsOf.map((rows, request) => {
          const width = 1 + (request % widths)
          const data = Array.from({ length: rows * width }, (_, index) => request * 1000 + index)
          return { rows, width, data }
        })
        const answers = await Promise.all(
          requests.map(({ rows, width, data }, request) =>
            infer(serving.url, request % 2 === 0 ? 'same-int64' : 'same-bytes', {
              inputs: [
                request % 2 === 0
                  ? { name: 'x', datatype: 'INT64', shape: [rows, width], data }
                  : { name: 'x', datatype: 'BYTES', shape: [rows, width], data: data.map(String) },
              ],
            }),
          ),
        )
        for (const [request, { rows, width, data }] of requests.entries()) {
          expect(answers[request]?.outputs[0]).toMatchObject({
            shape: [rows, width],
            data: request % 2 === 0 ? data : data.map(String),
          })
        }
      },
    ),
    { numRuns: 20 },
  )
})
