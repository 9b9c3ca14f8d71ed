import { hash, timingSafeEqual } from 'node:crypto'
import type { ServiceApp } from '@mlp/service-kit/app'
import { ProblemError } from '@mlp/service-kit/problem'

/** Every route added to this scope from now on needs the token. */
export function requireToken(scope: ServiceApp, token: string): void {
  const expected = digestOf(token)
  scope.addHook('onRequest', async request => {
    const [, given] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    if (given !== undefined && timingSafeEqual(digestOf(given), expected)) return
    throw new ProblemError({
      status: 401,
      kind: 'unauthorized',
      title: 'The API needs a token',
      detail: 'Send the service’s API_TOKEN as `Authorization: Bearer <token>`.',
      headers: { 'www-authenticate': 'Bearer' },
    })
  })
}

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
