import type { CloudFacts } from '../../../phases/8-readiness/docs-facts.ts'
import { createBundleMask, secretsOfData } from '../../support-bundle/masks.ts'

/**
 * What the world said without secrets: the values that are known to be some, and what looks like one. What is public
 * anyway (the configuration) is none, though a Secret hold it too.
 */
export function maskedFacts(
  clouds: readonly CloudFacts[],
  known: readonly string[],
  ofClusters: readonly Readonly<Record<string, string>>[],
  configuration = '',
): readonly CloudFacts[] {
  const secrets = [...known, ...ofClusters.flatMap(secretsOfData)]
  const mask = createBundleMask(secrets.filter(secret => !configuration.includes(secret)))
  return clouds.map(facts => mapTexts(facts, mask))
}

/** Keys are the program's own, or names in the description of an API. */
function mapTexts<T>(value: T, mask: (text: string) => string): T
function mapTexts(value: unknown, mask: (text: string) => string): unknown {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map(each => mapTexts(each, mask))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapTexts(each, mask)]))
}
