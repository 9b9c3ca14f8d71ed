import { Readable } from 'node:stream'
import { DefaultAzureCredential } from '@azure/identity'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { keyOf, type ObjectBytes, type StoreOptions } from './object.ts'

/** `az://account/container/blob` */
export async function openAzureBlob(
  url: URL,
  { endpoint, accountKey }: StoreOptions['azure'],
): Promise<ObjectBytes> {
  const account = url.hostname
  const [container = '', ...blob] = keyOf(url).split('/')
  const service = new BlobServiceClient(
    endpoint.replaceAll('{account}', account),
    accountKey === undefined
      ? new DefaultAzureCredential()
      : new StorageSharedKeyCredential(account, accountKey),
  )
  const { readableStreamBody } = await service
    .getContainerClient(container)
    .getBlobClient(blob.join('/'))
    .download()
  if (readableStreamBody === undefined) throw new Error(`${url} has no body`)
  return Readable.from(readableStreamBody)
}
