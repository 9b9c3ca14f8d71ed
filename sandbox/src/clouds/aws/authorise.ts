import type { World } from '../../world.ts'
import { readSession, type SessionClaims, sessionSecret } from './sessions.ts'
import { type Claim, claimedScope, type SignableRequest, signatureFits } from './sigv4.ts'

export type Verdict =
  | {
      readonly allowed: true
      readonly claim: Claim
      /** Of a role's temporary credentials; undefined for the sandbox's one user. */
      readonly session: SessionClaims | undefined
    }
  | { readonly allowed: false; readonly why: Refusal; readonly message: string; readonly service: string }

/** Why a request is refused; each service has its own code for it. */
export type Refusal = 'missing' | 'unknown-key' | 'wrong-signature' | 'expired' | 'skewed'

const clockToleranceMs = 5 * 60_000

/** Checks a request's SigV4 signature for real, against the sandbox's one access key or a role's temporary one. */
export function authorise(request: SignableRequest, payloadHash: string, world: World, now: Date): Verdict {
  const claim = claimedScope(request)
  if (claim === undefined)
    return refuse('missing', 'Request is missing Authentication Token', serviceGuess(request))
  const { service } = claim.scope
  const token =
    request.headers['x-amz-security-token'] ??
    new URLSearchParams(request.target.split('?')[1] ?? '').get('X-Amz-Security-Token') ??
    undefined
  const { accessKeyId } = claim.scope
  const isUser = accessKeyId === world.secrets.awsAccessKeyId
  const session = isUser || token === undefined ? undefined : readSession(world, accessKeyId, token)
  if (!isUser && session === undefined)
    return refuse('unknown-key', 'The security token included in the request is invalid.', service)
  if (isUser ? token !== undefined : (session?.exp ?? 0) <= now.getTime())
    return refuse('expired', 'The security token included in the request is expired', service)
  const signedAt = parseTimestamp(claim.timestamp)
  if (Number.isNaN(signedAt) || !claim.timestamp.startsWith(claim.scope.date))
    return refuse('wrong-signature', 'Date in Credential scope does not match the request time.', service)
  const age = now.getTime() - signedAt
  const lifetimeMs = claim.expiresSeconds === undefined ? clockToleranceMs : claim.expiresSeconds * 1000
  if (age > lifetimeMs || age < -clockToleranceMs)
    return refuse(
      claim.expiresSeconds === undefined ? 'skewed' : 'expired',
      `Signature expired: ${claim.timestamp} is now earlier or later than allowed`,
      service,
    )
  const secret = isUser ? world.secrets.awsSecretAccessKey : sessionSecret(world, accessKeyId)
  if (!signatureFits(request, claim, payloadHash, secret))
    return refuse(
      'wrong-signature',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      service,
    )
  return { allowed: true, claim, session }
}

function refuse(why: Refusal, message: string, service: string): Verdict {
  return { allowed: false, why, message, service }
}

function serviceGuess(request: SignableRequest): string {
  const type = request.headers['content-type'] ?? ''
  return type.includes('urlencoded') ? 'sts' : type.includes('json') ? 'eks' : 's3'
}

/** '20261124T041500Z' as milliseconds; NaN when it is no time. */
export function parseTimestamp(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (match === null) return Number.NaN
  const [, year, month, day, hours, minutes, seconds] = match
  return Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`)
}
