import { Readable } from 'node:stream'
import { DefaultAzureCredential } from '@azure/identity'
import { BlobServiceClient } from '@azure/storage-blob'
import { keyOf, type ObjectBytes } from './object.ts'

/** `az://account/container/blob`. AZURE_STORAGE_CONNECTION_STRING, where it is set, says how to reach the account. */
export async function openAzureBlob(url: URL): Promise<ObjectBytes> {
  const [container = '', ...rest] = keyOf(url).split('/')
  const connection = process.env['AZURE_STORAGE_CONNECTION_STRING']
  const service =
    connection === undefined
      ? new BlobServiceClient(`https://${url.hostname}.blob.core.windows.net`, new DefaultAzureCredential())
      : BlobServiceClient.fromConnectionString(connection)
  const { readableStreamBody } = await service
    .getContainerClient(container)
    .getBlobClient(rest.join('/'))
    .download()
  if (readableStreamBody === undefined) throw new Error(`${url} has no body`)
  return Readable.from(readableStreamBody)
}
