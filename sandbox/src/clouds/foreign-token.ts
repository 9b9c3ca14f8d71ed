import * as z from 'zod'
import { verifyGithubToken } from '../github/oidc/issuer.ts'
import { jwtPart } from '../jwt.ts'
import type { World } from '../world.ts'

const claimsSchema = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.array(z.string()).min(1),
  exp: z.number(),
})

export type ForeignToken =
  | {
      readonly valid: true
      readonly claims: Readonly<Record<string, unknown>> & {
        readonly iss: string
        readonly sub: string
        readonly aud: readonly string[]
      }
    }
  | { readonly valid: false; readonly why: 'not-ours' | 'signature' | 'expired' }

/**
 * What a cloud learns of a token that somebody else signed, by the keys that its issuer publishes: GitHub for a
 * workflow's job, a cluster of any cloud for a pod. Every issuer on the sandbox is one of these.
 */
export async function readForeignToken(world: World, token: string): Promise<ForeignToken> {
  const job = verifyGithubToken(world.store, token)
  if (job.valid || job.why !== 'not-ours') return job
  const claims = claimsSchema.safeParse(jwtPart(token.split('.')[1] ?? '')).data
  const [audience] = claims?.aud ?? []
  if (claims === undefined || audience === undefined) return { valid: false, why: 'not-ours' }
  if (claims.exp * 1000 <= Date.now()) return { valid: false, why: 'expired' }
  const account = await world.clusters.serviceAccount(token, audience)
  return account === undefined ? { valid: false, why: 'signature' } : { valid: true, claims }
}
