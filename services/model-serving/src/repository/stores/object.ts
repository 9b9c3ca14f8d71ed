/** An object's bytes as they come. Reading rejects if it does not exist, is not allowed, or breaks off. */
export type ObjectBytes = AsyncIterable<Uint8Array>

/** A URL's path without the leading slash, as the stores name their objects. */
export function keyOf(url: URL): string {
  return decodeURIComponent(url.pathname).replace(/^\//, '')
}
