import { createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import type { World } from '../../world.ts'

/** The one person the sandbox's Google Cloud knows, an owner of its project. */
export const operatorEmail = 'operator@sandbox.mlp.dev'
export const operatorSubject = '104729000000000000001'
export const clientId = 'mlp-sandbox.apps.googleusercontent.com'
export const accessTokenSeconds = 3600

const claims = z.object({
  sub: z.string(),
  email: z.string(),
  exp: z.number().int(),
  /** Of a federated identity: under which names grants may know it. */
  principals: z.array(z.string()).optional(),
})
export type Claims = z.infer<typeof claims>

/** An access token in Google's shape (`ya29.…`), opaque to its bearer; valid until `exp` in epoch seconds. */
export function issueToken(
  world: World,
  lifetimeSeconds: number,
  email = operatorEmail,
  principals?: readonly string[],
): string {
  const exp = Math.floor(Date.now() / 1000) + lifetimeSeconds
  const payload = Buffer.from(JSON.stringify({ sub: operatorSubject, email, exp, principals })).toString(
    'base64url',
  )
  return `ya29.${payload}.${sign(world, payload)}`
}

/** Whose token it is, now; undefined when it is not ours, changed or expired. */
export function readToken(world: World, token: string): Claims | undefined {
  const [prefix, payload, signature] = token.split('.')
  if (prefix !== 'ya29' || payload === undefined || signature === undefined) return undefined
  if (!same(signature, sign(world, payload))) return undefined
  const read = claims.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
  return read.success && read.data.exp > Date.now() / 1000 ? read.data : undefined
}

/** What `gcloud auth application-default login` would have left behind. */
export function refreshToken(world: World): string {
  return `1//${sign(world, 'refresh-token')}`
}

export function clientSecret(world: World): string {
  return `GOCSPX-${sign(world, 'client-secret').slice(0, 28)}`
}

export function same(a: string, b: string): boolean {
  const [first, second] = [Buffer.from(a), Buffer.from(b)]
  return first.length === second.length && timingSafeEqual(first, second)
}

function sign(world: World, text: string): string {
  return createHmac('sha256', world.secrets.tokenSigningKeyPem).update(`gcp:${text}`).digest('base64url')
}
