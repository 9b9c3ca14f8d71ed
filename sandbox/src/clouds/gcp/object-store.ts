import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod'
import { CloudError } from '../../behaviour.ts'
import type { World } from '../../world.ts'

const objectList = z.object({
  items: z.array(z.object({ name: z.string() })).default([]),
  nextPageToken: z.string().optional(),
})

export interface ObjectStore {
  /** Safe to repeat. */
  createBucket(name: string): Promise<void>
  isEmpty(name: string): Promise<boolean>
  emptyBucket(name: string): Promise<void>
  /** Safe to repeat. */
  deleteBucket(name: string): Promise<void>
  /** Hands a data-plane request over as it is. */
  forward(request: IncomingMessage, response: ServerResponse): Promise<void>
}

/**
 * Objects live in fake-gcs-server, a well-kept emulator of Cloud Storage's JSON API; buckets and their settings live
 * in the resource store. This is the only way between the two.
 */
export function objectStore(world: World): ObjectStore {
  const base = world.endpoints.gcs
  const call = async (method: string, path: string, accept: readonly number[], body?: object) => {
    const response = await fetch(new URL(path, base), {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    }).catch((cause: unknown) => {
      throw new CloudError(
        'backendError',
        `The sandbox's object store does not answer at ${base}: ${String(cause)}`,
        503,
      )
    })
    const text = await response.text()
    if (!accept.includes(response.status)) {
      throw new CloudError(
        'backendError',
        `The sandbox's object store answered ${response.status}: ${text}`,
        503,
      )
    }
    return text
  }
  const list = async (name: string, limit: number) =>
    objectList.parse(JSON.parse(await call('GET', `/storage/v1/b/${name}/o?maxResults=${limit}`, [200])))

  return {
    async createBucket(name) {
      await call('POST', '/storage/v1/b', [200, 409], { name })
    },
    async isEmpty(name) {
      return (await list(name, 1)).items.length === 0
    },
    async emptyBucket(name) {
      for (let page = await list(name, 500); page.items.length > 0; page = await list(name, 500)) {
        for (const item of page.items) {
          await call('DELETE', `/storage/v1/b/${name}/o/${encodeURIComponent(item.name)}`, [200, 204, 404])
        }
      }
    },
    async deleteBucket(name) {
      await call('DELETE', `/storage/v1/b/${name}`, [200, 204, 404])
    },
    forward: (request, response) => forward(new URL(request.url ?? '/', base), request, response),
  }
}

async function forward(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const { authorization: _credential, ...headers } = request.headers
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = send(url, { method: request.method, headers }, resolve)
    outgoing.on('error', reject)
    pipeline(request, outgoing).catch(reject)
  })
  response.writeHead(answer.statusCode ?? 502, answer.headers)
  await pipeline(answer, response)
}
