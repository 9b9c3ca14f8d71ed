/** An object's bytes as they come. Reading rejects if it does not exist, is not allowed, or breaks off. */
export type ObjectBytes = AsyncIterable<Uint8Array>

/** How the stores are reached; credentials come from the environment, as each cloud's own libraries find them. */
export interface StoreOptions {
  readonly s3: { readonly endpoint: string | undefined; readonly forcePathStyle: boolean }
  /** An emulator takes anybody. */
  readonly gcs: { readonly endpoint: string; readonly anonymous: boolean }
  /** `{account}` in the endpoint is replaced. Without a key: the environment's identity. */
  readonly azure: { readonly endpoint: string; readonly accountKey: string | undefined }
}

/** A URL's path without the leading slash, as the stores name their objects. */
export function keyOf(url: URL): string {
  return decodeURIComponent(url.pathname).replace(/^\//, '')
}
