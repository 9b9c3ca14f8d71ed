import type { Attributes, ByteRange, Store, StoredObject } from '../stores/store.ts'
import { StoreError } from '../stores/store-error.ts'
import { type Digests, digest } from './digests.ts'
import { takeBuffer } from './part-buffers.ts'

export interface Content {
  readonly bytes: Buffer
  readonly digests: Digests
  /** As the answer told them; undefined where the listing already did. */
  readonly attributes: Attributes | undefined
}

/** Reads one version of an object whole, and holds it against what the source says of it. One attempt. */
export async function readWhole(
  store: Store,
  object: StoredObject,
  needsMd5: boolean,
  signal: AbortSignal,
): Promise<Content> {
  const opened = await store.open(object, undefined, signal)
  const bytes = await collect(opened.body, Buffer.allocUnsafe(object.bytes), object.key)
  const digests = digest(bytes, needsMd5 || store.needsMd5)
  const crc32c = opened.crc32c ?? object.crc32c
  const md5 = store.needsMd5 ? object.md5 : undefined
  if (
    (crc32c ?? digests.crc32c) !== digests.crc32c ||
    (md5 ?? digests.md5?.toString('hex')) !== digests.md5?.toString('hex')
  )
    throw new StoreError('corrupt', `${object.key} did not arrive as the source's checksum says`)
  return { bytes, digests, attributes: opened.attributes }
}

/** Reads a part of one version. The whole is held against the source's checksum once all parts are known. */
export async function readPart(
  store: Store,
  object: StoredObject,
  range: ByteRange,
  needsMd5: boolean,
  signal: AbortSignal,
): Promise<Content> {
  const opened = await store.open(object, range, signal)
  const bytes = await collect(opened.body, takeBuffer(range.length), object.key)
  return { bytes, digests: digest(bytes, needsMd5), attributes: undefined }
}

/** Fills the buffer with the body, which has to be just as long. */
async function collect(body: AsyncIterable<Uint8Array>, content: Buffer, key: string): Promise<Buffer> {
  const expected = content.length
  let at = 0
  try {
    for await (const chunk of body) {
      if (at + chunk.length > expected) break
      content.set(chunk, at)
      at += chunk.length
      letGo(chunk)
    }
  } catch (error) {
    throw new StoreError('unavailable', `reading ${key} broke off: ${String(error)}`, { cause: error })
  }
  if (at !== expected)
    throw new StoreError('unavailable', `${key}: expected ${expected} bytes, and ${at} came before it ended`)
  return content
}

/**
 * Frees what a chunk that is copied took. Left to the collector, which sees but a small object, chunks pile up until
 * their bytes make it mark the whole heap, every 64 MiB: that was two fifths of the processor time of large copies. Not
 * memory that the chunk may share with others.
 */
function letGo({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength)
    buffer.transfer(0)
}
