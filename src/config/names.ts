import { createHash } from 'node:crypto'
import type { Config } from './schema.ts'

/** Tag, label and annotation that everything mlp makes carries. Google labels and Azure tags allow neither '.' nor '/'. */
export const platformIdKey = {
  aws: 'mlp.dev/platform-id',
  gcp: 'mlp-platform-id',
  azure: 'mlp-platform-id',
  kubernetes: 'mlp.dev/platform-id',
} as const

/**
 * Derived, so that losing mlp's state loses no identity: the same project and environment are the same platform
 * within one account.
 */
export function platformId(config: Pick<Config, 'project' | 'environment'>): string {
  return `mlp-${shortHash(`${config.project}/${config.environment}`, 10)}`
}

/** Lower-case base 32, for suffixes of globally unique names. */
export function shortHash(text: string, length: number): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  const digest = createHash('sha256').update(text).digest()
  return Array.from(digest.subarray(0, length), byte => alphabet[byte % 32]).join('')
}
