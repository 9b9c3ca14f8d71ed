import { markOf, sourceMark } from '../copy/provenance.ts'
import type { StoredObject } from '../stores/store.ts'

/**
 * - `same`: proved, by a checksum of both stores or by the copy's own mark
 * - `different`: copy it
 * - `unknown`: only the copy's metadata can tell, and the listing did not bring it
 */
export type Comparison = 'same' | 'different' | 'unknown'

/** Is the copy in step? From listings alone where they tell enough. Never from times: clouds set them as they like. */
export function compare(source: StoredObject, copy: StoredObject): Comparison {
  if (source.bytes !== copy.bytes) return 'different'
  if (source.md5 !== undefined && source.md5 === copy.md5) return 'same'
  if (source.crc32c !== undefined && source.crc32c === copy.crc32c) return 'same'
  if (copy.attributes === undefined) return 'unknown'
  return markOf(copy.attributes) === sourceMark(source) ? 'same' : 'different'
}
