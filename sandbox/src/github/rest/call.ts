import type * as z from 'zod'
import { GithubError, notFound } from '../errors.ts'
import type { Hub } from '../hub.ts'
import type { Repository, TokenRecord } from '../records.ts'
import type { Need } from '../rights.ts'
import type { Bases } from './bases.ts'

/** One request, understood as far as all routes need it. */
export interface Call {
  readonly hub: Hub
  readonly method: string
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: unknown
  readonly token: TokenRecord | undefined
  readonly bases: Bases
  /** Of routes below /repos/{owner}/{repo}. */
  readonly repository: Repository | undefined
  /** `application/vnd.github.raw+json` and such. */
  readonly accept: string
}

export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/repos/{owner}/{repo}/actions/runs/{run_id}`; `{path+}` takes slashes too. */
  readonly path: string
  /** What it takes of the repository, asked before it runs: of every route below /repos/{owner}/{repo}, and of no other. */
  readonly needs?: Need
  run(call: Call): Answer | Promise<Answer>
}

export function ok(body: unknown): Answer {
  return { status: 200, body }
}

export function created(body: unknown): Answer {
  return { status: 201, body }
}

export const noContent: Answer = { status: 204 }

export function param(call: Call, name: string): string {
  const value = call.params[name]
  if (value === undefined) throw new Error(`the path of ${call.path} has no ${name}`)
  return value
}

export function numberParam(call: Call, name: string): number {
  const value = param(call, name)
  if (!/^\d{1,15}$/.test(value)) throw notFound()
  return Number(value)
}

/** Who asks; 401 when nobody does. */
export function signedIn(call: Call): TokenRecord {
  if (call.token === undefined) throw new GithubError(401, 'Requires authentication')
  return call.token
}

/** The repository of the path: the token may do with it what the route needs. */
export function repositoryOf(call: Call): Repository {
  if (call.repository === undefined) throw new Error(`the path of ${call.path} has no repository`)
  return call.repository
}

/** The body as this route takes it; GitHub's 422 when it is otherwise. */
export function bodyOf<T>(call: Call, schema: z.ZodType<T>): T {
  const read = schema.safeParse(call.body ?? {})
  if (read.success) return read.data
  throw invalidRequest(read.error)
}

function invalidRequest(error: z.ZodError): GithubError {
  const lines = error.issues.map(issue => {
    const where = issue.path.length === 0 ? '' : `"${issue.path.join('.')}" `
    if (issue.code === 'invalid_type' && issue.message.includes('undefined'))
      return `${where}wasn't supplied.`
    return `${where}is invalid: ${issue.message}`
  })
  return new GithubError(422, `Invalid request.\n\n${lines.join('\n')}`)
}

const largestPage = 100

/** One page of a list, with GitHub's Link header. https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api */
export function page<T>(
  call: Call,
  all: readonly T[],
  show: (item: T) => unknown,
  wrap: (shown: readonly unknown[]) => unknown = shown => shown,
  usual = 30,
): Answer {
  const size = Math.min(largestPage, positive(call.query.get('per_page')) ?? usual)
  const number = positive(call.query.get('page')) ?? 1
  const last = Math.max(1, Math.ceil(all.length / size))
  const shown = all.slice((number - 1) * size, number * size).map(show)
  const link = (to: number, rel: string) => {
    const query = new URLSearchParams(call.query)
    query.set('page', String(to))
    return `<${call.bases.api}${call.path}?${query}>; rel="${rel}"`
  }
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
    ...(number > 1 ? [link(1, 'first')] : []),
  ]
  return {
    status: 200,
    body: wrap(shown),
    ...(links.length === 0 ? {} : { headers: { link: links.join(', ') } }),
  }
}

function positive(text: string | null): number | undefined {
  return text !== null && /^[1-9]\d{0,6}$/.test(text) ? Number(text) : undefined
}
