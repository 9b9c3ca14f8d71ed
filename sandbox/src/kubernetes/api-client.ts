import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as z from 'zod'
import { apiUrl, type ClusterPaths } from './cluster-files.ts'
import type { ClusterRecord } from './cluster-record.ts'

const requestTimeoutMs = 20_000
const fieldManager = 'sandbox'

interface ApiAnswer {
  readonly status: number
  readonly body: unknown
}

/** The daemon's own administrator access to one cluster, by client certificate. */
export interface ApiClient {
  /** Throws only when no answer comes. */
  send(method: string, path: string, body?: unknown): Promise<ApiAnswer>
  /** As `send`, but anything other than 2xx is an error. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  /** Server-side apply; the sandbox owns what it brings, so it takes fields over. */
  apply(object: unknown, subresource?: 'status'): Promise<void>
  /** The lines of an answer that goes on until the server or the signal ends it: a watch's events. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>
  close(): void
}

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
})
const resourceListSchema = z.looseObject({
  resources: z.array(z.looseObject({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
})

export async function openApiClient(record: ClusterRecord, paths: ClusterPaths): Promise<ApiClient> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'admin.crt', 'admin.key'].map(file => readFile(join(paths.pki, file), 'utf8')),
  )
  const agent = new Agent({ keepAlive: true, maxSockets: 24, ca, cert, key })
  const base = apiUrl(record)
  const send: ApiClient['send'] = (method, path, body) =>
    sendRequest(agent, method, new URL(path, base), body)
  const call: ApiClient['call'] = async (method, path, body) => {
    const answer = await send(method, path, body)
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${describe(answer.body)}`)
    }
    return answer.body
  }
  return {
    send,
    call,
    async apply(object, subresource) {
      const { apiVersion, kind, metadata } = objectSchema.parse(object)
      const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
      const { resources } = resourceListSchema.parse(await call('GET', root))
      const resource = resources.find(candidate => candidate.kind === kind && !candidate.name.includes('/'))
      if (resource === undefined) throw new Error(`the cluster has no ${apiVersion} ${kind}`)
      const scope = resource.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : ''
      const path = `${root}${scope}/${resource.name}/${encodeURIComponent(metadata.name)}`
      const query = `?fieldManager=${fieldManager}&force=true`
      await call('PATCH', `${path}${subresource === undefined ? '' : `/${subresource}`}${query}`, object)
    },
    lines: (path, signal) => readLines(agent, new URL(path, base), signal),
    close: () => agent.destroy(),
  }
}

function sendRequest(agent: Agent, method: string, url: URL, body: unknown): Promise<ApiAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        agent,
        method,
        timeout: requestTimeoutMs,
        headers: {
          accept: 'application/json',
          ...(text === undefined
            ? {}
            : {
                // JSON is YAML: every PATCH of ours is a server-side apply.
                'content-type': method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json',
                'content-length': Buffer.byteLength(text),
              }),
        },
      },
      incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString('utf8')) }),
        )
      },
    )
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`${url.pathname}: no answer in ${requestTimeoutMs} ms`)),
    )
    outgoing.on('error', reject)
    outgoing.end(text)
  })
}

async function* readLines(agent: Agent, url: URL, signal: AbortSignal): AsyncIterable<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(url, { agent, signal, headers: { accept: 'application/json' } }, resolve)
    outgoing.on('error', reject)
    outgoing.end()
  })
  if (response.statusCode !== 200) {
    response.resume()
    throw new Error(`${url.pathname}: ${response.statusCode}`)
  }
  yield* createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
}

/** Health endpoints answer plain text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function describe(body: unknown): string {
  const status = z.looseObject({ message: z.string() }).safeParse(body)
  return status.success ? status.data.message : JSON.stringify(body)
}
