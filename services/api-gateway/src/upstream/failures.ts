import { ProblemError } from '@mlp/service-kit/problem'
import {
  BodyTooLargeError,
  ClientGoneError,
  ClientTooSlowError,
  ResponseDiscardedError,
  ResponseTimeoutError,
} from './attempt.ts'

/** For metrics: why an upstream did not answer. */
export type Failure = 'unreachable' | 'timeout' | 'broken' | 'status'

/** Nothing that the upstream is to blame for, or that another try would change. */
export function isClientsFault(error: unknown): boolean {
  return (
    error instanceof ProblemError ||
    error instanceof ClientGoneError ||
    error instanceof ClientTooSlowError ||
    error instanceof BodyTooLargeError ||
    codeOf(error) === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'
  )
}

export function failureOf(error: unknown): Failure {
  if (error instanceof ResponseTimeoutError) return 'timeout'
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'timeout'
  if (error instanceof ResponseDiscardedError) return 'status'
  return unreachableCodes.has(codeOf(error) ?? '') ? 'unreachable' : 'broken'
}

const unreachableCodes = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** What a client is told; addresses and messages of what is inside are for the log. */
export function problemOf(error: unknown, upstream: string): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof BodyTooLargeError) {
    return new ProblemError({
      status: 413,
      kind: 'body-too-large',
      title: 'The body is too large',
      cause: error,
    })
  }
  if (isClientsFault(error)) {
    return new ProblemError({ status: 400, detail: 'The request broke off.', cause: error })
  }
  switch (failureOf(error)) {
    case 'timeout':
      return new ProblemError({
        status: 504,
        kind: 'upstream-timeout',
        title: 'The model server did not answer in time',
        members: { upstream },
        cause: error,
      })
    case 'unreachable':
      return new ProblemError({
        status: 503,
        kind: 'upstream-unreachable',
        title: 'The model server cannot be reached',
        members: { upstream },
        headers: { 'retry-after': '1' },
        cause: error,
      })
    case 'broken':
    case 'status':
      return new ProblemError({
        status: 502,
        kind: 'upstream-broken',
        title: 'The model server did not answer as it should',
        members: { upstream },
        cause: error,
      })
  }
}

export function circuitOpenProblem(upstream: string, waitMs: number): ProblemError {
  return new ProblemError({
    status: 503,
    kind: 'circuit-open',
    title: 'The model server fails too often to be asked now',
    members: { upstream },
    headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
  })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
