import { hash } from 'node:crypto'
import { createRemoteJWKSet, decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import * as z from 'zod'
import type { IssuerConfiguration } from '../configuration.ts'
import type { Client } from './client.ts'
import { grantsOf } from './scopes.ts'

/** Tokens are verified anew after this time, so that a key which its issuer withdraws does not live on in memory. */
const rememberMs = 60_000
const rememberAtMost = 10_000
const clockToleranceSeconds = 30
const algorithms = ['RS256', 'ES256']

type TokenResult =
  | { readonly kind: 'client'; readonly client: Client }
  /** `reason` may be told to whoever sent the token. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The issuer's keys could not be had, so nothing can be said about the token. */
  | { readonly kind: 'unknown'; readonly issuer: string; readonly cause: unknown }

export interface TokenVerifier {
  verify(token: string): Promise<TokenResult>
}

interface Issuer {
  readonly configuration: IssuerConfiguration
  readonly keys: JWTVerifyGetKey
}

/** Accepts tokens of the listed issuers, signed with RS256 or ES256 by a key of the issuer's JWKS. */
export function createTokenVerifier(
  configurations: readonly IssuerConfiguration[],
  now: () => number = Date.now,
): TokenVerifier {
  const issuers = new Map<string, Issuer>()
  for (const configuration of configurations) {
    issuers.set(configuration.issuer, {
      configuration,
      keys: createRemoteJWKSet(new URL(configuration.jwksUrl)),
    })
  }
  const verified = new Map<string, { readonly client: Client; readonly untilMs: number }>()

  function remember(fingerprint: string, client: Client, untilMs: number): void {
    // A map keeps the order of insertion: the first is the oldest.
    for (const oldest of verified.keys()) {
      if (verified.size < rememberAtMost) break
      verified.delete(oldest)
    }
    verified.set(fingerprint, { client, untilMs })
  }

  return {
    async verify(token) {
      const fingerprint = hash('sha256', token, 'base64')
      const known = verified.get(fingerprint)
      if (known !== undefined && now() < known.untilMs) return { kind: 'client', client: known.client }
      const issuer = issuers.get(readIssuer(token) ?? '')
      if (issuer === undefined)
        return { kind: 'refused', reason: 'its issuer is not one of those accepted here' }
      const { configuration } = issuer
      try {
        const { payload } = await jwtVerify(token, issuer.keys, {
          issuer: configuration.issuer,
          audience: configuration.audience,
          algorithms,
          clockTolerance: clockToleranceSeconds,
          requiredClaims: ['exp', configuration.clientClaim],
          currentDate: new Date(now()),
        })
        const subject = z.string().min(1).safeParse(payload[configuration.clientClaim])
        if (!subject.success)
          return { kind: 'refused', reason: `its claim ${configuration.clientClaim} is not a text` }
        const client: Client = {
          id: `jwt:${configuration.issuer}:${subject.data}`,
          grants: grantsOf(readScopes(payload[configuration.scopeClaim])),
          rateLimit: undefined,
        }
        const expiresMs = ((payload.exp ?? 0) + clockToleranceSeconds) * 1000
        remember(fingerprint, client, Math.min(expiresMs, now() + rememberMs))
        return { kind: 'client', client }
      } catch (error) {
        const reason = refusalReason(error)
        return reason === undefined
          ? { kind: 'unknown', issuer: configuration.issuer, cause: error }
          : { kind: 'refused', reason }
      }
    },
  }
}

/** Not proved yet; only chooses whose keys to ask. */
function readIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

function readScopes(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ')
  return z.array(z.string()).safeParse(claim).data ?? []
}

/** Undefined when it is not the token that is at fault. */
function refusalReason(error: unknown): string | undefined {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is not as expected`
  if (error instanceof errors.JOSEAlgNotAllowed) return `it is not signed with ${algorithms.join(' or ')}`
  if (error instanceof errors.JWKSNoMatchingKey) return 'its key is not among those of its issuer'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is not valid'
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) return 'it is not well formed'
  return undefined
}
