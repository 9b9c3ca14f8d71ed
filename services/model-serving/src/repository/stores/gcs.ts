import { Storage } from '@google-cloud/storage'
import { keyOf, type ObjectBytes } from './object.ts'

/** `gs://bucket/object`. STORAGE_EMULATOR_HOST names another server than Google's. */
export async function openGcsObject(url: URL): Promise<ObjectBytes> {
  return new Storage().bucket(url.hostname).file(keyOf(url)).createReadStream({ validation: 'crc32c' })
}
