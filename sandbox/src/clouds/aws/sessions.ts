import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import type { World } from '../../world.ts'

/** Temporary credentials of a role, as STS issues them. */
export interface Session {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly token: string
  readonly expiresAt: Date
}

const claimsSchema = z.object({ key: z.string(), role: z.string(), session: z.string(), exp: z.number() })
/** Whose session it is. */
export type SessionClaims = z.infer<typeof claimsSchema>

export function issueSession(world: World, role: string, session: string, lifetimeMs: number): Session {
  const key = `ASIA${Array.from(randomBytes(16), byte => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('')}`
  const exp = Date.now() + lifetimeMs
  const claims: SessionClaims = { key, role, session, exp }
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
  return {
    accessKeyId: key,
    secretAccessKey: sessionSecret(world, key),
    token: `${payload}.${sign(world, `session:${payload}`)}`,
    expiresAt: new Date(exp),
  }
}

/** Undefined when the token is not of this sandbox or of another key. */
export function readSession(world: World, accessKeyId: string, token: string): SessionClaims | undefined {
  const [payload = '', signature = ''] = token.split('.')
  const [given, expected] = [Buffer.from(signature), Buffer.from(sign(world, `session:${payload}`))]
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  const claims = claimsSchema.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
  return claims.success && claims.data.key === accessKeyId ? claims.data : undefined
}

/** Follows from the key, so that nothing has to be kept. */
export function sessionSecret(world: World, accessKeyId: string): string {
  return sign(world, `secret:${accessKeyId}`).slice(0, 40)
}

function sign(world: World, text: string): string {
  return createHmac('sha256', world.secrets.tokenSigningKeyPem).update(`aws:${text}`).digest('base64url')
}
