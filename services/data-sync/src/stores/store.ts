import type { Digests } from '../copy/digests.ts'

/** What travels with an object's content. Metadata names are lower case. */
export interface Attributes {
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly contentLanguage?: string | undefined
  readonly contentDisposition?: string | undefined
  readonly cacheControl?: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

/** One version of an object. */
export interface StoredObject {
  /** Relative to the location's prefix. */
  readonly key: string
  readonly bytes: number
  /** The store's own name of this version, given back to it when reading: an ETag or a generation. */
  readonly version: string
  /** Differs when the content differs; kept in the metadata of copies. Survives changes that are not of content, where the store allows it. */
  readonly fingerprint: string
  /** Of the whole content, lower-case hexadecimal, where the store knows it. */
  readonly md5?: string | undefined
  /** Of the whole content, where the store knows it. */
  readonly crc32c?: number | undefined
  /** Where the store tells them together with the rest. */
  readonly attributes?: Attributes | undefined
}

export interface ByteRange {
  readonly start: number
  readonly length: number
}

interface OpenObject {
  readonly body: AsyncIterable<Uint8Array>
  /** Where the answer told them. */
  readonly attributes?: Attributes | undefined
  readonly crc32c?: number | undefined
}

interface Page {
  readonly objects: readonly StoredObject[]
  /** undefined on the last page. */
  readonly token: string | undefined
}

export interface PartThere {
  readonly bytes: number
  readonly receipt: string
  readonly crc32c?: number | undefined
}

export interface Part {
  /** From 1. */
  readonly number: number
  readonly bytes: number
  readonly receipt: string
  readonly crc32c: number
}

/** An upload in parts: nothing of it can be seen before it is completed. */
export interface Upload {
  readonly key: string
  /** The store's name of the upload; all that is needed to go on with it in another process. */
  readonly handle: string
}

/** A folder of a bucket at one of the three clouds. Every call is one attempt and throws StoreError. */
export interface Store {
  /** Does it verify nothing but MD5? */
  readonly needsMd5: boolean
  /** Do parts stay behind a completed upload until it is aborted? */
  readonly keepsParts: boolean
  /** One page of objects, in the order of their keys' UTF-8 bytes; `token` is the page's before. */
  list(token: string | undefined, signal: AbortSignal): Promise<Page>
  describe(key: string, signal: AbortSignal): Promise<StoredObject | undefined>
  /** Reads one version: fails with `changed` when the object is another by now. Whole without a range. */
  open(object: StoredObject, range: ByteRange | undefined, signal: AbortSignal): Promise<OpenObject>
  /** Writes a whole object; the store checks the digests before the object can be seen. */
  put(
    key: string,
    content: Buffer,
    digests: Digests,
    attributes: Attributes,
    signal: AbortSignal,
  ): Promise<void>
  delete(key: string, signal: AbortSignal): Promise<void>
  beginUpload(key: string, attributes: Attributes, signal: AbortSignal): Promise<Upload>
  /** By number, the parts that the store has; undefined when it knows no such upload. */
  partsThere(upload: Upload, signal: AbortSignal): Promise<ReadonlyMap<number, PartThere> | undefined>
  /** Returns the store's receipt, needed to complete. */
  putPart(
    upload: Upload,
    number: number,
    content: Buffer,
    digests: Digests,
    signal: AbortSignal,
  ): Promise<string>
  completeUpload(
    upload: Upload,
    parts: readonly Part[],
    crc32c: number,
    attributes: Attributes,
    signal: AbortSignal,
  ): Promise<void>
  abortUpload(upload: Upload, signal: AbortSignal): Promise<void>
}
