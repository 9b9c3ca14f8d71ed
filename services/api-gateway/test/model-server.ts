import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { arrayBuffer } from 'node:stream/consumers'
import * as z from 'zod'

/** What a test's model server got. */
interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly seen: readonly Seen[]
  /** Answers instead of the model server, until undefined again. */
  behave: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  close(): Promise<void>
}

/**
 * A server of the Open Inference Protocol, as far as a gateway can tell: the model `iris` sums up what it is given,
 * and says which version it is. It checks its input, and answers what is wrong with a problem.
 */
export async function startModelServer(port = 0): Promise<ModelServer> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers })
    if (modelServer.behave !== undefined) modelServer.behave(request, response)
    else answer(request, response).catch(() => response.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = z.object({ port: z.int() }).parse(server.address())
  const modelServer: ModelServer = {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    seen,
    behave: undefined,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
    [Symbol.asyncDispose]: () => modelServer.close(),
  }
  return modelServer
}

const modelPath = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(\/ready|\/infer)?$/
const repositoryIndex = [
  { name: 'secret', version: '1', state: 'READY', reason: '' },
  { name: 'iris', version: '1', state: 'READY', reason: '' },
  { name: 'iris', version: '2', state: 'UNAVAILABLE', reason: 'its file is missing' },
]
const tensor = { name: 'x', datatype: 'FP32', shape: [-1] }

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request
  if (method === 'POST' && url === '/v2/repository/index') return sendJson(response, 200, repositoryIndex)
  if (url === '/v2') return sendJson(response, 200, { name: 'test', version: '1', extensions: [] })
  if (url === '/v2/health/live' || url === '/v2/health/ready') return sendJson(response, 200, {})
  const [, model, version = '1', action] = modelPath.exec(url) ?? []
  if (model !== 'iris' || !['1', '2'].includes(version)) return sendProblem(response, 404)
  if (action === '/ready') return sendJson(response, 200, {})
  if (method !== 'POST') {
    return sendJson(response, 200, {
      name: model,
      versions: ['1', '2'],
      platform: 'test',
      inputs: [tensor],
      outputs: [{ ...tensor, shape: [1] }],
    })
  }
  const text = Buffer.from(await arrayBuffer(request)).toString('utf8')
  const input = inferenceSchema.safeParse(parseJson(text))
  if (!input.success) return sendProblem(response, 400)
  const sum = input.data.inputs[0].data.reduce((total, value) => total + value, 0)
  sendJson(response, 200, {
    model_name: model,
    model_version: version,
    id: input.data.id,
    outputs: [{ ...tensor, name: 'sum', shape: [1], data: [sum] }],
  })
}

const inferenceSchema = z.object({
  id: z.string().optional(),
  inputs: z.tuple(
    [
      z.object({
        name: z.string(),
        datatype: z.literal('FP32'),
        shape: z.array(z.int()),
        data: z.array(z.number()),
      }),
    ],
    z.unknown(),
  ),
})

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function sendProblem(response: ServerResponse, status: number): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ type: 'about:blank', title: 'Not so', status }))
}
