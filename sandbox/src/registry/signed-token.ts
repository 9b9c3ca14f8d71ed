import { createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import type { World } from '../world.ts'

const claimsSchema = z.object({ for: z.string(), exp: z.number() })

/** An opaque token of a simulated registry: for one purpose, valid for so long, unforgeable without the sandbox's key. */
export function issueRegistryToken(world: World, purpose: string, lifetimeSeconds: number): string {
  const exp = Math.floor(Date.now() / 1000) + lifetimeSeconds
  const payload = Buffer.from(JSON.stringify({ for: purpose, exp })).toString('base64url')
  return `${payload}.${sign(world, payload)}`
}

export function checkRegistryToken(
  world: World,
  token: string,
  purpose: string,
): 'valid' | 'expired' | 'wrong' {
  const [payload = '', signature = ''] = token.split('.')
  const [given, expected] = [Buffer.from(signature), Buffer.from(sign(world, payload))]
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'wrong'
  const claims = claimsSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
  if (claims.for !== purpose) return 'wrong'
  return claims.exp * 1000 > Date.now() ? 'valid' : 'expired'
}

function sign(world: World, payload: string): string {
  return createHmac('sha256', world.secrets.tokenSigningKeyPem)
    .update(`registry:${payload}`)
    .digest('base64url')
}
