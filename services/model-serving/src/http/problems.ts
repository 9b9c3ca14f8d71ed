import { ProblemError } from '@mlp/service-kit/problem'
import { type Refusal, RequestRefused } from '../errors.ts'

/** The status and title of each refusal; its name is the kind of the problem. */
const PROBLEMS: Readonly<Record<Refusal, { status: number; title: string }>> = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  forbidden: { status: 403, title: 'The repository is not open to this caller' },
  'unknown-model': { status: 404, title: 'There is no such model or version' },
  'not-representable': { status: 406, title: 'The result cannot be written as asked for' },
  'rejected-by-model': { status: 422, title: 'The model cannot work with this input' },
  cancelled: { status: 499, title: 'The caller went away' },
  'model-not-ready': { status: 503, title: 'The model is not ready' },
  overloaded: { status: 503, title: 'The model has more requests than it can answer' },
}

/** What a refusal is over HTTP; anything else is passed on. */
export function asProblem(error: unknown): unknown {
  if (!(error instanceof RequestRefused)) return error
  const { status, title } = PROBLEMS[error.reason]
  return new ProblemError({
    status,
    kind: error.reason,
    title,
    detail: error.message,
    headers: error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) },
    cause: error,
  })
}
