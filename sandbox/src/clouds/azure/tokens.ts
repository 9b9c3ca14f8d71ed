import { createHash, createPrivateKey, createPublicKey, randomUUID, sign, verify } from 'node:crypto'
import * as z from 'zod'
import { jwtPart } from '../../jwt.ts'
import type { World } from '../../world.ts'
import { servicePrincipalObjectId } from './principal.ts'

/** The AKS server application: the audience of every token that an Entra-integrated cluster accepts. */
export const aksAudience = '6dae42f8-4368-4678-94ff-3960e28e3630'
export const storageAudience = 'https://storage.azure.com'
export const databaseAudience = 'https://ossrdbms-aad.database.windows.net'
export const redisAudience = 'https://redis.azure.com'
export const logAnalyticsAudience = 'https://api.loganalytics.io'
const lifetimeSeconds = 3599

const claimsSchema = z.object({
  aud: z.string(),
  iss: z.string(),
  exp: z.number(),
  nbf: z.number(),
  oid: z.string(),
  appid: z.string(),
  tid: z.string(),
})
type Claims = z.infer<typeof claimsSchema>

export type Verdict =
  | { readonly valid: true; readonly claims: Claims }
  | {
      readonly valid: false
      readonly reason: 'malformed' | 'signature' | 'expired' | 'audience'
      readonly expiredAt?: Date
    }

/** Who a token is for: the sandbox's own service principal, or a managed identity. */
interface Principal {
  readonly objectId: string
  readonly clientId: string
}

/** Issues what Entra issues to a service principal: a signed JWT for one audience. */
export function issueToken(
  world: World,
  audience: string,
  principal: Principal = { objectId: servicePrincipalObjectId(world), clientId: world.secrets.azureClientId },
): { readonly token: string; readonly expiresInSeconds: number } {
  const now = Math.floor(Date.now() / 1000)
  const { objectId, clientId } = principal
  const { azureTenantId } = world.secrets
  const header = { typ: 'JWT', alg: 'RS256', kid: keyId(world) }
  const claims = {
    aud: audience,
    iss: `https://sts.windows.net/${azureTenantId}/`,
    iat: now,
    nbf: now - 300,
    exp: now + lifetimeSeconds,
    appid: clientId,
    appidacr: '1',
    idtyp: 'app',
    oid: objectId,
    sub: objectId,
    tid: azureTenantId,
    uti: randomUUID(),
    ver: '1.0',
  }
  const content = `${encode(header)}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(content), createPrivateKey(world.secrets.tokenSigningKeyPem))
  return { token: `${content}.${signature.toString('base64url')}`, expiresInSeconds: lifetimeSeconds }
}

/** Checks signature, time and audience. */
export function checkToken(world: World, token: string, audiences: readonly string[]): Verdict {
  const [header, payload, signature, ...rest] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0)
    return { valid: false, reason: 'malformed' }
  const signed = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    createPublicKey(world.secrets.tokenSigningKeyPem),
    Buffer.from(signature, 'base64url'),
  )
  if (!signed) return { valid: false, reason: 'signature' }
  const claims = claimsSchema.safeParse(jwtPart(payload))
  if (!claims.success || claims.data.tid !== world.secrets.azureTenantId)
    return { valid: false, reason: 'malformed' }
  if (claims.data.exp * 1000 <= Date.now())
    return { valid: false, reason: 'expired', expiredAt: new Date(claims.data.exp * 1000) }
  const audience = claims.data.aud.replace(/\/$/, '')
  return audiences.some(one => one.replace(/\/$/, '') === audience)
    ? { valid: true, claims: claims.data }
    : { valid: false, reason: 'audience' }
}

/** The public half of the signing key, as Entra publishes its keys. */
export function publicKeys(world: World): object {
  const jwk = createPublicKey(world.secrets.tokenSigningKeyPem).export({ format: 'jwk' })
  return { keys: [{ ...jwk, use: 'sig', alg: 'RS256', kid: keyId(world) }] }
}

function keyId(world: World): string {
  const der = createPublicKey(world.secrets.tokenSigningKeyPem).export({ format: 'der', type: 'spki' })
  return createHash('sha256').update(der).digest('base64url').slice(0, 27)
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
