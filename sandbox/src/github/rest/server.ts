import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GithubError, notFound } from '../errors.ts'
import { findRepository, type Hub } from '../hub.ts'
import type { Repository, TokenRecord } from '../records.ts'
import { type Need, requireRight, scopeHeaders } from '../rights.ts'
import { readToken } from '../tokens.ts'
import type { Bases } from './bases.ts'
import type { Answer, Call, Route } from './call.ts'
import { routes } from './routes.ts'

const documentation = 'https://docs.github.com/rest'
const largestBodyBytes = 40 << 20
const apiVersions = ['2022-11-28', '2026-03-10']

/** GitHub's REST API: `path` is without the prefix that an Enterprise Server has. */
export async function answerRest(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
  bases: Bases,
  hub: Hub,
): Promise<void> {
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
  const secret = secretOf(request)
  const token = secret === undefined ? undefined : readToken(hub.world, hub.records, secret)
  const found = match(method, path)
  const need = found?.route.needs
  const common = {
    'x-github-request-id': randomBytes(8).toString('hex').toUpperCase(),
    'x-github-media-type': 'github.v3; format=json',
    'x-github-api-version-selected': String(request.headers['x-github-api-version'] ?? apiVersions[0]),
    'x-ratelimit-limit': token === undefined ? '60' : '5000',
    'x-ratelimit-remaining': token === undefined ? '59' : '4999',
    'x-ratelimit-used': '1',
    'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 3600),
    'x-ratelimit-resource': 'core',
    'access-control-allow-origin': '*',
    ...scopeHeaders(token, need),
  }
  const answer = await answerOf().catch(error => refusal(error, hub, request))
  send(request, response, answer, common)

  async function answerOf(): Promise<Answer> {
    const version = request.headers['x-github-api-version']
    if (version !== undefined && !apiVersions.includes(String(version)))
      throw new GithubError(400, `The API version you requested (${version}) is not a supported version.`)
    if (secret !== undefined && token === undefined) throw new GithubError(401, 'Bad credentials')
    if (request.headers['user-agent'] === undefined)
      throw new GithubError(
        403,
        'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.',
      )
    if (found === undefined) throw notFound()
    const body = parse(await readBody(request))
    const call: Call = {
      hub,
      method,
      path,
      params: found.params,
      query,
      body,
      token,
      bases,
      // Whoever may not do it learns nothing of what else is wrong.
      repository: need === undefined ? undefined : allowed(hub, found.params, token, need),
      accept: request.headers.accept ?? '',
    }
    return found.route.run(call)
  }
}

/** The repository that a path names, when the token may do with it what the route needs. */
function allowed(
  hub: Hub,
  { owner = '', repo = '' }: Readonly<Record<string, string>>,
  token: TokenRecord | undefined,
  need: Need,
): Repository {
  const found = findRepository(hub, owner, repo)
  if (found === undefined) throw notFound()
  requireRight(found, token, need)
  return found
}

function secretOf(request: IncomingMessage): string | undefined {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ')
  if (/^(bearer|token)$/i.test(scheme)) return value
  if (/^basic$/i.test(scheme))
    return Buffer.from(value, 'base64').toString('utf8').split(':').slice(1).join(':')
  return undefined
}

const patterns = routes.map(route => ({ route, pattern: patternOf(route.path) }))

function match(
  method: string,
  path: string,
): { readonly route: Route; readonly params: Record<string, string> } | undefined {
  for (const { route, pattern } of patterns) {
    if (route.method !== method) continue
    const found = pattern.exec(path)
    if (found === null) continue
    try {
      const params = Object.entries(found.groups ?? {}).map(([name, value]) => [
        name,
        decodeURIComponent(value ?? ''),
      ])
      return { route, params: Object.fromEntries(params) }
    } catch {
      return undefined
    }
  }
  return undefined
}

function patternOf(path: string): RegExp {
  const escaped = path
    .replaceAll('.', '\\.')
    .replace(/\{(\w+)\+\}/g, '(?<$1>.+)')
    .replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')
  return new RegExp(`^${escaped}$`)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > largestBodyBytes) throw new GithubError(413, 'Payload too large')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null) return body
  } catch {
    // Answered below.
  }
  throw new GithubError(400, 'Problems parsing JSON')
}

function refusal(error: unknown, hub: Hub, request: IncomingMessage): Answer {
  if (!(error instanceof GithubError)) {
    hub.world.log(
      `github: ${request.method} ${request.url?.split('?')[0]}: ${error instanceof Error ? error.stack : String(error)}`,
    )
    return { status: 500, body: { message: 'Server Error', documentation_url: documentation, status: '500' } }
  }
  return {
    status: error.status,
    headers: error.headers,
    body: {
      message: error.message,
      ...(error.errors === undefined ? {} : { errors: error.errors }),
      documentation_url: documentation,
      status: String(error.status),
    },
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  common: Readonly<Record<string, string>>,
): void {
  if (answer.body === undefined) {
    response.writeHead(answer.status, { ...common, ...answer.headers }).end()
    return
  }
  const raw = Buffer.isBuffer(answer.body) || typeof answer.body === 'string'
  const body = Buffer.isBuffer(answer.body)
    ? answer.body
    : Buffer.from(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
  response
    .writeHead(answer.status, {
      ...(raw ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      'content-length': body.length,
      ...common,
      ...answer.headers,
    })
    .end(request.method === 'HEAD' ? undefined : body)
}
