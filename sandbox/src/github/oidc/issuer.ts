import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import * as z from 'zod'
import { jwtPart } from '../../jwt.ts'
import type { ResourceStore } from '../../store/resource-store.ts'

export const githubIssuer = 'https://token.actions.githubusercontent.com'
const namespace = 'github-texts'
const keyName = 'oidc/key'

const claimsSchema = z.looseObject({
  iss: z.literal(githubIssuer),
  sub: z.string(),
  aud: z.union([z.string().transform(one => [one]), z.array(z.string())]),
  exp: z.number(),
  nbf: z.number().optional(),
})
type GithubClaims = z.output<typeof claimsSchema>

/** GitHub's signing key, made when it is first needed. A cloud only ever uses its public half. */
function keyOf(store: ResourceStore): string {
  const known = z.string().optional().parse(store.getFact(namespace, keyName))
  if (known !== undefined) return known
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  store.putFact(namespace, keyName, pem)
  return pem
}

/** As the issuer publishes it. */
export function publishedKeys(store: ResourceStore): object {
  const pem = keyOf(store)
  const jwk = createPublicKey(pem).export({ format: 'jwk' })
  return { keys: [{ ...jwk, use: 'sig', alg: 'RS256', kid: keyId(pem) }] }
}

export function signClaims(store: ResourceStore, claims: object): string {
  const pem = keyOf(store)
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${encode({ typ: 'JWT', alg: 'RS256', kid: keyId(pem) })}.${encode(claims)}`
  return `${content}.${sign('sha256', Buffer.from(content), pem).toString('base64url')}`
}

type GithubTokenVerdict =
  | { readonly valid: true; readonly claims: GithubClaims }
  | {
      readonly valid: false
      readonly why: 'not-ours' | 'signature' | 'expired'
      readonly claims?: GithubClaims
    }

/** What a cloud learns by the issuer's published keys: whether GitHub signed it, and whether it is good now. */
export function verifyGithubToken(store: ResourceStore, token: string): GithubTokenVerdict {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.')
  const claims = claimsSchema.safeParse(jwtPart(payload))
  if (!claims.success || rest.length > 0) return { valid: false, why: 'not-ours' }
  const genuine = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    createPublicKey(keyOf(store)),
    Buffer.from(signature, 'base64url'),
  )
  if (!genuine) return { valid: false, why: 'signature', claims: claims.data }
  if (claims.data.exp * 1000 <= Date.now()) return { valid: false, why: 'expired', claims: claims.data }
  return { valid: true, claims: claims.data }
}

function keyId(pem: string): string {
  const der = createPublicKey(pem).export({ format: 'der', type: 'spki' })
  return createHash('sha256').update(der).digest('hex').slice(0, 40).toUpperCase()
}
