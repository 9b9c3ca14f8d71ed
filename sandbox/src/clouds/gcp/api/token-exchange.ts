import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import type { World } from '../../../world.ts'
import { readForeignToken } from '../../foreign-token.ts'
import { claimOf, conditionHolds } from '../attribute-condition.ts'
import { block, text } from '../attributes.ts'
import { accessTokenSeconds, issueToken } from '../tokens.ts'
import { readBody } from './routing.ts'

const fields = z.record(z.string(), z.unknown())

/**
 * Workload Identity Federation: a token of another issuer for one of Google's, by the pool's provider that trusts it.
 * https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
 */
export async function answerTokenExchange(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<boolean> {
  if (path !== '/sts/v1/token' || request.method !== 'POST') return false
  const body = await readBody(request)
  const isJson = (request.headers['content-type'] ?? '').includes('json')
  const input = isJson ? fields.parse(JSON.parse(body)) : Object.fromEntries(new URLSearchParams(body))
  const [status, answer] = await exchange(world, name => {
    // JSON has them in camel case, forms as RFC 8693 spells them.
    const value = input[name] ?? input[name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())]
    return typeof value === 'string' ? value : ''
  })
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    .end(JSON.stringify(answer))
  return true
}

async function exchange(world: World, input: (name: string) => string): Promise<readonly [number, object]> {
  const refuse = (error: string, description: string, status = 400) =>
    [status, { error, error_description: description }] as const
  if (input('grant_type') !== 'urn:ietf:params:oauth:grant-type:token-exchange')
    return refuse('unsupported_grant_type', 'Invalid grant type.')
  const audience = input('audience')
  const name = /^\/\/iam\.googleapis\.com\/(projects\/.+)$/.exec(audience)?.[1]
  const provider = world.store
    .list('google_iam_workload_identity_pool_provider')
    .find(({ attributes }) => attributes['name'] === name && attributes['disabled'] !== true)
  const poolName = name?.replace(/\/providers\/[^/]+$/, '')
  const pool = world.store
    .list('google_iam_workload_identity_pool')
    .find(({ attributes }) => attributes['name'] === poolName && attributes['disabled'] !== true)
  if (provider === undefined || pool === undefined)
    return refuse(
      'invalid_target',
      'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.',
    )
  const oidc = block(provider.attributes, 'oidc')
  const verdict = await readForeignToken(world, input('subject_token'))
  if (!verdict.valid && verdict.why === 'not-ours')
    return refuse(
      'invalid_grant',
      `The issuer in ID Token does not match the expected ones: ${text(oidc, 'issuer_uri')}`,
    )
  if (!verdict.valid)
    return refuse(
      'invalid_grant',
      verdict.why === 'expired'
        ? 'ID Token is stale to sign-in.'
        : 'Error connecting to the given credential’s issuer: the token’s signature does not fit its keys.',
    )
  const { claims } = verdict
  if (text(oidc, 'issuer_uri') !== claims.iss)
    return refuse(
      'invalid_grant',
      `The issuer in ID Token ${claims.iss} does not match the expected ones: ${text(oidc, 'issuer_uri')}`,
    )
  const listed = oidc['allowed_audiences']
  const allowed =
    Array.isArray(listed) && listed.length > 0
      ? listed.map(String)
      : [`https://iam.googleapis.com/${name}`, `//iam.googleapis.com/${name}`]
  if (!claims.aud.some(one => allowed.includes(one)))
    return refuse(
      'invalid_grant',
      `The audience in ID Token [${claims.aud.join(', ')}] does not match the expected audience ${allowed[0]}.`,
    )
  const mapping = Object.entries(fields.parse(provider.attributes['attribute_mapping'] ?? {}))
  const mapped = Object.fromEntries(
    mapping.map(([key, expression]) => [key, claimOf(String(expression), { assertion: claims })]),
  )
  const subject = mapped['google.subject']
  if (subject === undefined || subject === '')
    return refuse('invalid_grant', 'The mapped attribute google.subject must be a non-empty string.')
  const condition = text(provider.attributes, 'attribute_condition')
  const attributes = Object.fromEntries(
    Object.entries(mapped).flatMap(([key, value]) =>
      key.startsWith('attribute.') ? [[key.slice('attribute.'.length), value]] : [],
    ),
  )
  if (
    condition !== undefined &&
    condition !== '' &&
    !conditionHolds(condition, { assertion: claims, attribute: attributes, google: { subject } })
  )
    return refuse('unauthorized_client', 'The given credential is rejected by the attribute condition.', 401)
  const base = `iam.googleapis.com/${poolName}`
  const principals = [
    `principal://${base}/subject/${subject}`,
    `principalSet://${base}/*`,
    ...Object.entries(attributes).map(([key, value]) => `principalSet://${base}/attribute.${key}/${value}`),
  ]
  return [
    200,
    {
      access_token: issueToken(world, accessTokenSeconds, principals[0], principals),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: accessTokenSeconds,
    },
  ]
}
