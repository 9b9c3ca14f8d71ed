import type { IncomingMessage } from 'node:http'
import { CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { isObject } from '../attributes.ts'

export interface Call {
  readonly world: World
  readonly method: string
  /** What the pattern's named groups matched, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: Attributes
  readonly email: string
  /** Names of a federated identity; none of others. */
  readonly principals?: readonly string[]
}

/** One method of a service: `/v1/projects/{project}/instances/{name}` below the service's own prefix. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly path: string
  run(call: Call): unknown
}

export interface MatchedRoute {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

export function matchRoute(routes: readonly Route[], method: string, path: string): MatchedRoute | undefined {
  for (const route of routes) {
    if (route.method !== method) continue
    const found = patternOf(route.path).exec(path)
    if (found !== null) {
      const params = Object.entries(found.groups ?? {}).map(([name, value]) => [
        name,
        decodeURIComponent(value),
      ])
      return { route, params: Object.fromEntries(params) }
    }
  }
  return undefined
}

function patternOf(path: string): RegExp {
  const escaped = path.replace(/[.:]/g, '\\$&').replace(/\{(\w+)\}/g, '(?<$1>[^/:]+)')
  return new RegExp(`^${escaped}$`)
}

const largestBodyBytes = 4 << 20

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > largestBodyBytes)
      throw new CloudError('requestTooLarge', 'Request payload size exceeds the limit', 413)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export function parseBody(text: string): Attributes {
  if (text.trim() === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    if (isObject(body)) return body
  } catch {
    // Answered below, in Google's words.
  }
  throw new CloudError('badRequest', 'Invalid JSON payload received.', 400)
}

const statusNames: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  412: 'FAILED_PRECONDITION',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
}

/** Google's error body: https://cloud.google.com/apis/design/errors#error_model */
export function errorBody(error: CloudError): object {
  return {
    error: {
      code: error.httpStatus,
      message: error.message,
      status: statusNames[error.httpStatus] ?? 'INTERNAL',
      errors: [{ message: error.message, domain: 'global', reason: error.code }],
    },
  }
}

export function notFound(what: string): CloudError {
  return new CloudError('notFound', `${what} was not found.`, 404)
}

/** An operation that is done already: the work happened before the answer. */
export function doneOperation(name: string, response: object = {}): object {
  return { name, done: true, response }
}
