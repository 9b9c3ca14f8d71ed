import { rawRequest } from '@mlp/service-kit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  infer,
  post,
  problemOf,
  type Serving,
  startServing,
  temporaryFolder,
  testModel,
  writeCatalogue,
} from './support.ts'

let serving: Serving
let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
  const model = (name: string) => ({
    name,
    versions: [{ version: '1', source: testModel(name) }],
    thread: 'main',
  })
  serving = await startServing({
    MAX_BODY_BYTES: '100000',
    MODELS: await writeCatalogue(folder.path, ['same-fp32', 'same-bytes', 'look-up', 'logarithm'].map(model)),
  })
})
afterAll(async () => {
  await serving[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const withInput = (change: object): string => JSON.stringify({ inputs: [{ ...input, ...change }] })
const raw = (member: string): string => `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],${member}}]}`

describe('a JSON body is refused with 400', () => {
  test.each([
    ['empty', '', /no body|not JSON/],
    ['not JSON', 'data=1', /not JSON/],
    ['cut short', JSON.stringify({ inputs: [input] }).slice(0, -3), /not JSON/],
    ['cut in a string', '{"inputs":[{"name":"x', /not JSON/],
    ['cut in the data', '{"inputs":[{"data":[1,2', /not JSON/],
    ['with something behind it', `${JSON.stringify({ inputs: [input] })}x`, /not JSON/],
    ['not an object', '[]', /expected object/],
    ['null', 'null', /expected object/],
    ['without inputs', '{}', /inputs/],
    ['with inputs that are no list', '{"inputs":{"data":[1]}}', /inputs/],
    ['with no input', '{"inputs":[]}', /inputs/],
    ['with an input that is no object', '{"inputs":[[1,2]]}', /inputs/],
    ['with the same input twice', JSON.stringify({ inputs: [input, input] }), /twice/],
    [
      'with an input that the model lacks',
      JSON.stringify({ inputs: [input, { ...input, name: 'z' }] }),
      /'z'/,
    ],
    ['with another input than the model has', withInput({ name: '__proto__' }), /'x' is missing/],
    ['of another datatype', withInput({ datatype: 'FP64' }), /takes FP32/],
    ['of no datatype', withInput({ datatype: 'BF16' }), /datatype/],
    ['of another rank', withInput({ shape: [2] }), /shape/],
    ['with an empty dimension', withInput({ shape: [0, 2], data: [] }), /shape/],
    ['with a negative dimension', withInput({ shape: [-1, 2] }), /shape/],
    ['with a fraction of a dimension', withInput({ shape: [0.5, 4] }), /shape/],
    ['with a shape beyond all bounds', withInput({ shape: [2 ** 31 - 1, 2 ** 31 - 1] }), /elements|shape/],
    ['with a shape of many dimensions', withInput({ shape: Array.from({ length: 50 }, () => 1) }), /shape/],
    ['with too little data', withInput({ data: [1] }), /fewer|shape/],
    ['with too much data', withInput({ data: [1, 2, 3] }), /shape/],
    ['with no data', withInput({ data: undefined }), /neither/],
    ['with data of strings', withInput({ data: ['1', '2'] }), /numbers/],
    ['with data that is a number', withInput({ data: 5 }), /array|numbers/],
    ['with data that is null', withInput({ data: null }), /array|numbers/],
    ['with data that is an object', raw('"data":{"a":[1,2]}'), /numbers|array/],
    ['with an escaped key for data that does not fit', raw('"d\\u0061ta":[1]'), /fewer|shape/],
    ['with NaN', raw('"data":[1,NaN]'), /NaN and Infinity are not JSON/],
    ['with Infinity', raw('"data":[1,Infinity]'), /NaN and Infinity are not JSON/],
    ['with a number beyond FP32', raw('"data":[1,1e39]'), /does not fit FP32/],
    ['with data a thousand levels deep', raw(`"data":${deep(1000)}`), /deeper than/],
    ['a thousand levels deep', deep(1000), /not JSON|object|deep/],
    [
      'with parameters a thousand levels deep',
      raw(`"parameters":{"a":${deep(1000)}},"data":[1,2]`),
      /deeper than/,
    ],
    ['that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), /UTF-8/],
    [
      'asking for an output that the model lacks',
      JSON.stringify({ inputs: [input], outputs: [{ name: 'q' }] }),
      /'q'/,
    ],
    [
      'with a binary size but no binary',
      withInput({ data: undefined, parameters: { binary_data_size: 8 } }),
      /Header/,
    ],
  ])('%s', async (_, body, detail) => {
    const response = await post(`${serving.url}/v2/models/same-fp32/infer`, body)
    expect(response.status).toBe(400)
    expect((await problemOf(response)).detail).toMatch(detail)
  })
})

describe('a binary body is refused with 400', () => {
  const head = (size: unknown): string =>
    JSON.stringify({ inputs: [{ ...input, data: undefined, parameters: { binary_data_size: size } }] })
  test.each([
    ['without its last bytes', head(8), 7, undefined, /7 bytes are left/],
    ['with a byte too many', head(8), 9, undefined, /follow/],
    ['with bytes that do not fit the shape', head(12), 12, undefined, /takes 8/],
    ['with a negative size', head(-8), 8, undefined, /binary_data_size/],
    ['with a size that is no number', head('8'), 8, undefined, /binary_data_size/],
    ['with a header longer than the body', head(8), 8, '9999', /9999/],
    ['with a header length that is no number', head(8), 8, '0x10', /number of bytes/],
    ['with a negative header length', head(8), 8, '-1', /number of bytes/],
    ['with a header length in the middle of the JSON', head(8), 8, '10', /not JSON/],
    ['with a header length of nothing', head(8), 8, '0', /not JSON/],
  ])('%s', async (_, json, bytes, length, detail) => {
    const response = await post(
      `${serving.url}/v2/models/same-fp32/infer`,
      Buffer.concat([Buffer.from(json), Buffer.alloc(bytes)]),
      {
        'content-type': 'application/octet-stream',
        'inference-header-content-length': length ?? String(json.length),
      },
    )
    expect(response.status).toBe(400)
    expect((await problemOf(response)).detail).toMatch(detail)
  })

  test.each([
    ['a string longer than the rest', [255, 0, 0, 0, 65], /longer/],
    ['a string of 4 GiB', [255, 255, 255, 255, 65], /longer/],
    ['half a length', [1, 0], /too few/],
    ['something behind the last string', [1, 0, 0, 0, 65, 66], /follow/],
    ['a string that is not UTF-8', [1, 0, 0, 0, 255], /UTF-8/],
    ['a NUL in a string', [3, 0, 0, 0, 65, 0, 65], /NUL/],
  ])('with %s', async (_, bytes, detail) => {
    const json = JSON.stringify({
      inputs: [
        { name: 'x', datatype: 'BYTES', shape: [1, 1], parameters: { binary_data_size: bytes.length } },
      ],
    })
    const response = await post(
      `${serving.url}/v2/models/same-bytes/infer`,
      Buffer.concat([Buffer.from(json), Buffer.from(bytes)]),
      { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(json.length) },
    )
    expect(response.status).toBe(400)
    expect((await problemOf(response)).detail).toMatch(detail)
  })
})

describe('names', () => {
  test.each([
    ['an unknown model', 'nothing', 404],
    ['an unknown version', 'same-fp32/versions/2', 404],
    ["an object's own name", 'constructor', 404],
    ["an object's own name as version", 'same-fp32/versions/constructor', 404],
    ['a prototype', '__proto__', 400],
    ['a path upwards', '..%2f..%2fetc%2fpasswd', 400],
    ['a path upwards as version', 'same-fp32/versions/..%2f1', 400],
    ['a NUL', 'same-fp32%00', 400],
    ['a broken percent sign', '%zz', 400],
    ['a very long name', 'a'.repeat(5000), 414],
  ])('%s', async (_, path, status) => {
    const response = await post(`${serving.url}/v2/models/${path}/infer`, JSON.stringify({ inputs: [input] }))
    expect([status, status === 414 ? 400 : status, status === 414 ? 404 : status]).toContain(response.status)
    await problemOf(response)
  })
})

test('a body that is too large is refused with 413', async () => {
  const response = await post(`${serving.url}/v2/models/same-fp32/infer`, ' '.repeat(100_001))
  expect(response.status).toBe(413)
  await problemOf(response)
})

test('other media types are refused with 415', async () => {
  const response = await post(`${serving.url}/v2/models/same-fp32/infer`, 'x', { 'content-type': 'text/csv' })
  expect(response.status).toBe(415)
  await problemOf(response)
})

test('values that the model cannot work with are refused with 422, and only for who sent them', async () => {
  const ask = (index: number) =>
    post(
      `${serving.url}/v2/models/look-up/infer`,
      JSON.stringify({ inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [index] }] }),
    )
  const responses = await Promise.all([0, 7, 2].map(ask))
  expect(responses.map(({ status }) => status)).toEqual([200, 422, 200])
  const [, refused] = responses
  if (refused !== undefined) expect((await problemOf(refused)).detail).toMatch(/out of data bounds/)
})

test('a result that JSON has no word for is refused with 406, and given as bytes', async () => {
  const request = { inputs: [{ name: 'x', datatype: 'FP32', shape: [3], data: [1, 0, -1] }] }
  const url = `${serving.url}/v2/models/logarithm/infer`
  const refused = await post(url, JSON.stringify(request))
  expect(refused.status).toBe(406)
  expect((await problemOf(refused)).detail).toMatch(/binary_data/)
  const given = await post(url, JSON.stringify({ ...request, parameters: { binary_data_output: true } }))
  const body = await given.arrayBuffer()
  const header = Number(given.headers.get('inference-header-content-length'))
  expect([...new Float32Array(body.slice(header))]).toEqual([0, -Infinity, Number.NaN])
})

test('a flood of headers is refused with 431', async () => {
  const head = `POST /v2/models/same-fp32/infer HTTP/1.1\r\nhost: x\r\n${`x-a: ${'b'.repeat(100)}\r\n`.repeat(1000)}\r\n`
  expect(await rawRequest(serving.port, head)).toMatch(/^HTTP\/1.1 431 /)
})

test('loading and unloading is for nobody without a token', async () => {
  for (const action of ['load', 'unload']) {
    const response = await post(`${serving.url}/v2/repository/models/same-fp32/${action}`, '{}')
    expect(response.status).toBe(403)
    await problemOf(response)
  }
})

test('after all of this the process answers', async () => {
  const answer = await infer(serving.url, 'same-fp32', { inputs: [input] })
  expect(answer.outputs[0]?.data).toEqual([1, 2])
})
