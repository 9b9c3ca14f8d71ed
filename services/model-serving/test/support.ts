import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createService, type Service } from '@mlp/service-kit/service'
import { readSettings } from '@mlp/service-kit/settings'
import { eventually } from '@mlp/service-kit/testing'
import { expect } from 'vitest'
import * as z from 'zod'
import { modelServing } from '../src/service.ts'
import { settingsSchema } from '../src/settings.ts'

/** The URL of one of the models that show one thing each. */
export function testModel(name: string): string {
  return pathToFileURL(join(import.meta.dirname, 'models', `${name}.onnx`)).href
}

/** A folder that is gone at the end of the block. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'model-serving-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Writes a catalogue and returns its path. */
export async function writeCatalogue(folder: string, models: readonly unknown[]): Promise<string> {
  const path = join(folder, 'models.json')
  await writeFile(path, JSON.stringify({ models }))
  return path
}

export interface Serving extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly service: Service
}

/** The service in this process, once all models of its catalogue are ready. */
export async function startServing(environment: Readonly<Record<string, string>> = {}): Promise<Serving> {
  const settings = readSettings(settingsSchema, {
    LOG_LEVEL: 'silent',
    GRPC_PORT: '0',
    REFRESH_SECONDS: '0',
    ...environment,
  })
  const service = await createService(modelServing, settings)
  const url = await service.app.listen({ host: '127.0.0.1', port: 0 })
  await eventually('all models', async () => (await fetch(`${url}/ready`)).ok, 30_000)
  return { url, port: Number(new URL(url).port), service, [Symbol.asyncDispose]: () => service.close() }
}

const answerSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.number()),
      parameters: z.object({ binary_data_size: z.number() }).optional(),
      data: z.array(z.unknown()).optional(),
    }),
  ),
})
export type Answer = z.output<typeof answerSchema>

export function post(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
}

/** Asks in JSON and expects an answer in JSON. */
export async function infer(url: string, path: string, request: unknown): Promise<Answer> {
  const response = await post(`${url}/v2/models/${path}/infer`, JSON.stringify(request))
  const text = await response.text()
  expect(response.status, text).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  return answerSchema.parse(JSON.parse(text))
}

export interface BinaryInput {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly bytes: Buffer
}

/** Asks with binary tensors and returns the answer with the bytes of its outputs. */
export async function inferBinary(
  url: string,
  path: string,
  inputs: readonly BinaryInput[],
): Promise<{ answer: Answer; outputs: readonly Buffer[] }> {
  const header = Buffer.from(
    JSON.stringify({
      inputs: inputs.map(({ bytes, ...head }) => ({
        ...head,
        parameters: { binary_data_size: bytes.length },
      })),
      parameters: { binary_data_output: true },
    }),
  )
  const response = await post(
    `${url}/v2/models/${path}/infer`,
    Buffer.concat([header, ...inputs.map(({ bytes }) => bytes)]),
    { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(header.length) },
  )
  const body = Buffer.from(await response.arrayBuffer())
  expect(response.status, body.toString()).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/octet-stream')
  let at = Number(response.headers.get('inference-header-content-length'))
  const answer = answerSchema.parse(JSON.parse(body.toString('utf8', 0, at)))
  const outputs = answer.outputs.map(({ parameters }) => {
    const start = at
    at += parameters?.binary_data_size ?? 0
    return body.subarray(start, at)
  })
  expect(at).toBe(body.length)
  return { answer, outputs }
}
const problemSchema = z.looseObject({ type: z.string(), status: z.number(), detail: z.string() })

/** The problem that a refused request is answered with. */
export async function problemOf(response: Response): Promise<z.output<typeof problemSchema>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = problemSchema.parse(await response.json())
  expect(problem.status).toBe(response.status)
  return problem
}

/** A port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
