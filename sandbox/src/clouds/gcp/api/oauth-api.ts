import type { IncomingMessage, ServerResponse } from 'node:http'
import type { World } from '../../../world.ts'
import {
  accessTokenSeconds,
  clientId,
  clientSecret,
  issueToken,
  operatorSubject,
  readToken,
  refreshToken,
  same,
} from '../tokens.ts'
import { readBody } from './routing.ts'

/**
 * The token endpoint (RFC 6749, refresh_token grant) and tokeninfo, which take no bearer token themselves.
 * https://developers.google.com/identity/protocols/oauth2/web-server#offline
 */
export async function answerOauth(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<boolean> {
  if (path === '/oauth2/token' && request.method === 'POST') {
    const form = new URLSearchParams(await readBody(request))
    send(response, ...grant(form, world))
    return true
  }
  if (path === '/oauth2/tokeninfo' && (request.method === 'GET' || request.method === 'POST')) {
    const query = new URL(request.url ?? '/', 'https://localhost').searchParams
    const form = request.method === 'POST' ? new URLSearchParams(await readBody(request)) : query
    const claims = readToken(world, form.get('access_token') ?? query.get('access_token') ?? '')
    if (claims === undefined) {
      send(response, 400, { error: 'invalid_token', error_description: 'Invalid Value' })
    } else {
      const seconds = Math.floor(claims.exp - Date.now() / 1000)
      send(response, 200, {
        azp: clientId,
        aud: clientId,
        sub: operatorSubject,
        scope:
          'https://www.googleapis.com/auth/cloud-platform openid https://www.googleapis.com/auth/userinfo.email',
        exp: String(claims.exp),
        expires_in: String(seconds),
        email: claims.email,
        email_verified: 'true',
        access_type: 'offline',
      })
    }
    return true
  }
  return false
}

function grant(form: URLSearchParams, world: World): readonly [number, object] {
  if (form.get('grant_type') !== 'refresh_token') {
    return [
      400,
      { error: 'unsupported_grant_type', error_description: `Invalid grant_type: ${form.get('grant_type')}` },
    ]
  }
  const client =
    same(form.get('client_id') ?? '', clientId) && same(form.get('client_secret') ?? '', clientSecret(world))
  if (!client) return [401, { error: 'invalid_client', error_description: 'The OAuth client was not found.' }]
  if (!same(form.get('refresh_token') ?? '', refreshToken(world))) {
    return [400, { error: 'invalid_grant', error_description: 'Bad Request' }]
  }
  return [
    200,
    {
      access_token: issueToken(world, accessTokenSeconds),
      expires_in: accessTokenSeconds - 1,
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      token_type: 'Bearer',
    },
  ]
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}
