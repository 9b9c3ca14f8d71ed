import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import * as z from 'zod'

export const problemMediaType = 'application/problem+json'

/** RFC 9457 problem details, as every error of every service is answered. */
export const problemSchema = z
  .looseObject({
    type: z.string().describe('Stable name of the kind of problem: urn:mlp:problem:<kind>, or about:blank'),
    title: z.string().describe('The kind of problem in words, always the same for a type'),
    status: z.int().min(400).max(599),
    detail: z.string().optional().describe('What went wrong this time, and what to do about it'),
    requestId: z.string().optional().describe('Names this request in the logs'),
  })
  .meta({ id: 'Problem' })

export interface ProblemOptions {
  readonly status: number
  /** Kebab-case and part of the API: `model-not-found` becomes `urn:mlp:problem:model-not-found`. */
  readonly kind?: string
  /** The status' own words where there is no kind. */
  readonly title?: string
  readonly detail?: string
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** For the log only. */
  readonly cause?: unknown
}

/** Throw one from a handler or a hook to answer with it. All of it is shown to the client, but not its cause. */
export class ProblemError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly #document: Readonly<Record<string, unknown>>

  constructor({ status, kind, title, detail, members, headers, cause }: ProblemOptions) {
    super(detail ?? title ?? STATUS_CODES[status], cause === undefined ? undefined : { cause })
    this.name = 'ProblemError'
    this.status = status
    this.headers = headers ?? {}
    this.#document = {
      type: kind === undefined ? 'about:blank' : `urn:mlp:problem:${kind}`,
      title: title ?? STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      ...members,
    }
  }

  /** The document as JSON text. */
  body(requestId?: string): string {
    return JSON.stringify({ ...this.#document, requestId })
  }
}

/** For a route's `schema.response`: the statuses that it answers with a problem, each described. */
export function problemResponses<Status extends number>(descriptions: Readonly<Record<Status, string>>) {
  return Object.fromEntries(
    Object.entries<string>(descriptions).map(([status, description]) => [
      status,
      { description, content: { [problemMediaType]: { schema: problemSchema } } },
    ]),
  )
}

/** What an error thrown by a handler, a hook or the framework is to a client. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  const known = frameworkErrorSchema.safeParse(error).data
  if (known?.validation !== undefined) {
    return new ProblemError({
      status: 400,
      kind: 'invalid-request',
      title: 'The request is not valid',
      detail: known.message,
      members: {
        errors: known.validation.map(({ instancePath, message }) => ({ at: instancePath, detail: message })),
      },
      cause: error,
    })
  }
  if (known !== undefined)
    return new ProblemError({ status: known.statusCode, detail: known.message, cause: error })
  return new ProblemError({
    status: 500,
    kind: 'internal-error',
    title: 'The service failed to answer',
    detail: 'This is a bug. The service logged it with the request id.',
    cause: error,
  })
}

/** Fastify's own errors say in `statusCode` whose fault they are; their messages hold nothing of the service. */
const frameworkErrorSchema = z.object({
  statusCode: z.int().min(400).max(499),
  message: z.string(),
  validation: z.array(z.object({ instancePath: z.string(), message: z.string().optional() })).optional(),
})

export function sendProblem(
  problem: ProblemError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  return (
    reply
      .code(problem.status)
      .headers(problem.headers)
      .type(problemMediaType)
      // Not a string, to which Fastify would add a charset that this media type does not have.
      .send(Buffer.from(problem.body(request.id)))
  )
}
