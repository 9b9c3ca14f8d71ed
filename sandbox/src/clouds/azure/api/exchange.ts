import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import { CloudError } from '../../../behaviour.ts'

const largestBodyBytes = 4 * 1024 * 1024

/** One request, read; `path` without the query. */
export interface ArmRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface ArmResponse {
  readonly status: number
  readonly body?: object | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export async function readRequest(request: IncomingMessage): Promise<ArmRequest> {
  const url = new URL(request.url ?? '/', 'https://localhost')
  return {
    method: request.method ?? 'GET',
    path: decodeURIComponent(url.pathname)
      .replace(/\/{2,}/g, '/')
      .replace(/(.)\/$/, '$1'),
    query: url.searchParams,
    headers: request.headers,
    body: await readBody(request),
  }
}

export function send(response: ServerResponse, answer: ArmResponse): void {
  const headers = {
    'x-ms-request-id': randomUUID(),
    'cache-control': 'no-cache',
    ...answer.headers,
  }
  if (answer.body === undefined) {
    response.writeHead(answer.status, headers).end()
    return
  }
  response
    .writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8', ...headers })
    .end(JSON.stringify(answer.body))
}

/** Resource Manager's error format. */
export function armError(status: number, code: string, message: string): ArmResponse {
  return { status, body: { error: { code, message } }, headers: { 'x-ms-failure-cause': 'gateway' } }
}

/** The body as a JSON object; throws InvalidRequestContent as ARM does. */
export function jsonBody(request: ArmRequest): { [key: string]: unknown } {
  if (request.body === '') return {}
  const parsed = z
    .string()
    .transform((text, context) => {
      try {
        return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
      } catch {
        context.addIssue({ code: 'custom', message: 'not a JSON object' })
        return z.NEVER
      }
    })
    .safeParse(request.body)
  if (parsed.success) return parsed.data
  throw new CloudError(
    'InvalidRequestContent',
    'The request content was invalid and could not be deserialized: it is not a JSON object.',
  )
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = z.instanceof(Buffer).parse(chunk)
    size += bytes.length
    if (size > largestBodyBytes)
      throw new CloudError(
        'RequestContentTooLarge',
        'The request content size exceeds the maximum size of 4 MB.',
        413,
      )
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}
