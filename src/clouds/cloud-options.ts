import type { Config } from '../config/schema.ts'
import type { CloudTarget } from './target.ts'

/** What each cloud's adapter is made from. */
export interface CloudOptions {
  readonly config: Config
  readonly target: CloudTarget
  /** PEM file of an additional certificate authority, for client libraries that ignore Node's default ones. */
  readonly caFile: string | undefined
  readonly platformId: string
}
