import type { Upload } from '../stores/store.ts'

/** A part that the destination acknowledged, and what its content was. */
export interface KnownPart {
  readonly sha256: Buffer
  readonly crc32c: number
}

export interface RememberedUpload {
  readonly upload: Upload
  /** Of the source version that it copies. */
  readonly mark: string
  readonly partBytes: number
  readonly parts: ReadonlyMap<number, KnownPart>
}

/**
 * Which uploads are under way, outliving the process. Whatever is lost of it costs bytes, never correctness: a part
 * that is not remembered is sent again. `destination` counts from 0.
 */
export interface UploadMemory {
  find(destination: number, key: string): Promise<RememberedUpload | undefined>
  begin(destination: number, upload: Upload, mark: string, partBytes: number): Promise<void>
  addPart(destination: number, upload: Upload, number: number, part: KnownPart): Promise<void>
  forget(destination: number, upload: Upload): Promise<void>
}
