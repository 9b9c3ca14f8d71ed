import { ProblemError } from '@mlp/service-kit/problem'
import type { FastifyRequest } from 'fastify'
import type { GatewayMetrics } from '../metrics.ts'
import type { ApiKeys } from './api-keys.ts'
import type { Client } from './client.ts'
import type { TokenVerifier } from './json-web-tokens.ts'
import { grantsOf } from './scopes.ts'

interface Credentials {
  readonly keys: ApiKeys | undefined
  readonly tokens: TokenVerifier
}

/** Throws a ProblemError: 401 when there is no valid key or token, 503 when that cannot be found out. */
export type Authentication = (request: FastifyRequest) => Client | Promise<Client>

export interface AuthenticationOptions {
  /** As they are now; they change when files do. */
  readonly credentials: () => Credentials
  readonly metrics: GatewayMetrics
  /** Called for each attempt that failed; throws when there were too many from there. */
  onFailure(request: FastifyRequest): void
}

/** A key in `x-api-key`, or a token in `Authorization: Bearer`. */
export function createAuthentication({
  credentials,
  metrics,
  onFailure,
}: AuthenticationOptions): Authentication {
  function refuse(
    request: FastifyRequest,
    reason: 'no-credentials' | 'key' | 'token',
    detail: string,
  ): never {
    metrics.countRefused(reason)
    if (reason !== 'no-credentials') onFailure(request)
    throw new ProblemError({
      status: 401,
      kind: 'not-authenticated',
      title: 'Who asks is not known',
      detail,
      headers: { 'www-authenticate': reason === 'token' ? 'Bearer error="invalid_token"' : 'Bearer' },
    })
  }

  async function verifyToken(request: FastifyRequest, token: string): Promise<Client> {
    const result = await credentials().tokens.verify(token)
    switch (result.kind) {
      case 'client':
        return result.client
      case 'refused':
        return refuse(request, 'token', `The token is not valid: ${result.reason}.`)
      case 'unknown':
        request.log.error({ err: result.cause, issuer: result.issuer }, 'no keys from the issuer')
        throw new ProblemError({
          status: 503,
          kind: 'issuer-unreachable',
          title: 'The token cannot be checked now',
          detail: 'The keys of its issuer cannot be had.',
          headers: { 'retry-after': '5' },
        })
    }
  }

  return request => {
    const { 'x-api-key': key, authorization } = request.headers
    if (typeof key === 'string') {
      const client = credentials().keys?.find(key)
      return client ?? refuse(request, 'key', 'The API key is not valid, or has expired.')
    }
    const token = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    if (token !== undefined) return verifyToken(request, token)
    return refuse(
      request,
      'no-credentials',
      'Send an API key in the header x-api-key, or a token in Authorization: Bearer.',
    )
  }
}

const anybody: Client = { id: 'anybody', grants: grantsOf(['infer:*']), rateLimit: undefined }

/** Where authentication is switched off. */
export const acceptAnybody: Authentication = () => anybody
