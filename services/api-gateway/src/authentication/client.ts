import type { RateLimit } from '../rate-limit/gcra.ts'
import type { Grants } from './scopes.ts'

/** Who asks, once that is proved. */
export interface Client {
  /** Unique among all clients; goes to the upstream and into rate limits: `key:fraud-team`, `jwt:<issuer>:<subject>`. */
  readonly id: string
  readonly grants: Grants
  /** Its own limit, instead of the one for all. */
  readonly rateLimit: RateLimit | undefined
}
