import type { Attributes, StoredObject } from '../stores/store.ts'

/**
 * What a copy's metadata tells of where it came from, so that the destination itself, not a database, knows whether it
 * is in step. The names are plain letters: the only ones that all three stores take.
 */
const sourceName = 'mlpsource'
const hashName = 'mlpsha256'

/** Which content of the source a copy holds. */
export function sourceMark(source: StoredObject): string {
  return `${source.bytes}:${source.fingerprint}`
}

export function markOf(copy: Attributes): string | undefined {
  return copy.metadata[sourceName]
}

/**
 * A copy's attributes: the source's, its mark, and, once it is known, the content hash: the SHA-256 in hexadecimal, or
 * for an object that travelled in parts `PARTBYTES:HEX` (see hashOfParts). A source that is itself a copy does not hand
 * on its own marks.
 */
export function copyAttributes(source: StoredObject, own: Attributes, contentHash?: string): Attributes {
  const metadata = Object.entries(own.metadata).filter(([name]) => name !== sourceName && name !== hashName)
  return {
    ...own,
    metadata: {
      ...Object.fromEntries(metadata),
      [sourceName]: sourceMark(source),
      ...(contentHash === undefined ? {} : { [hashName]: contentHash }),
    },
  }
}
