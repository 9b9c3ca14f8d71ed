import { createPublicKey, verify } from 'node:crypto'
import * as z from 'zod'
import { jwtPart } from '../jwt.ts'

/** Who a service account's token belongs to. */
export interface ServiceAccountIdentity {
  /** Of the cluster that issued it: `<cloud>/<cluster name>`. */
  readonly cluster: string
  readonly issuer: string
  /** `system:serviceaccount:<namespace>:<name>` */
  readonly subject: string
  readonly namespace: string
  readonly name: string
}

/** A cluster that issues tokens. */
export interface TokenIssuer {
  readonly cluster: string
  readonly issuer: string
  readonly publicKeyPem: string
}

const claimsSchema = z.looseObject({
  iss: z.string(),
  sub: z.string().regex(/^system:serviceaccount:[^:]+:[^:]+$/),
  aud: z.array(z.string()),
  exp: z.number(),
})

/** What a cloud's token service checks of a pod's token: its issuer's signature, its time and for whom it is. */
export function readServiceAccountToken(
  token: string,
  audience: string,
  issuers: readonly TokenIssuer[],
): ServiceAccountIdentity | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims = claimsSchema.safeParse(jwtPart(payload))
  const by = issuers.find(({ issuer }) => issuer === claims.data?.iss)
  if (!claims.success || by === undefined) return undefined
  const { iss, sub, aud, exp } = claims.data
  const isGenuine = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    createPublicKey(by.publicKeyPem),
    Buffer.from(signature, 'base64url'),
  )
  if (!isGenuine || !aud.includes(audience) || exp * 1000 <= Date.now()) return undefined
  const [, , namespace = '', name = ''] = sub.split(':')
  return { cluster: by.cluster, issuer: iss, subject: sub, namespace, name }
}
