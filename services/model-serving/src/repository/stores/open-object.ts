import { createReadStream } from 'node:fs'
import type { ObjectBytes, StoreOptions } from './object.ts'

/**
 * Opens a file or an object of a cloud's store: `file:///path`, `s3://bucket/key`, `gs://bucket/object`,
 * `az://account/container/blob`. A cloud's client is loaded when it is first needed.
 */
export async function openObject(url: URL, options: StoreOptions): Promise<ObjectBytes> {
  switch (url.protocol) {
    case 'file:':
      return createReadStream(url)
    case 's3:':
      return (await import('./s3.ts')).openS3Object(url, options.s3)
    case 'gs:':
      return (await import('./gcs.ts')).openGcsObject(url, options.gcs)
    case 'az:':
      return (await import('./azure-blob.ts')).openAzureBlob(url, options.azure)
    default:
      throw new Error(`${url.protocol} is not a kind of store; there are file:, s3:, gs: and az:`)
  }
}
