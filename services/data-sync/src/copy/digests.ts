import { hash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'

/** What is said of a content from the moment it is read: the source, the wire and the destination are held to it. */
export interface Digests {
  readonly sha256: Buffer
  /** Unsigned. The one checksum that S3 and Google Cloud Storage both verify and keep. */
  readonly crc32c: number
  /** Only where a destination needs it: Azure verifies nothing else. */
  readonly md5: Buffer | undefined
}

export function digest(content: Buffer, needsMd5: boolean): Digests {
  return {
    sha256: hash('sha256', content, 'buffer'),
    crc32c: crc32c(content),
    md5: needsMd5 ? hash('md5', content, 'buffer') : undefined,
  }
}

/** Big-endian base64, as S3 and Google Cloud Storage write it. */
export function crc32cText(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('base64')
}

/** undefined for what is no checksum of a whole content, such as S3's composite ones (`AAAA==-3`). */
export function parseCrc32c(text: string | undefined): number | undefined {
  if (text === undefined || text.includes('-')) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 4 ? bytes.readUInt32BE() : undefined
}
