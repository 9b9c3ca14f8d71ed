import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { keyOf, type ObjectBytes, type StoreOptions } from './object.ts'

/** `s3://bucket/key` */
export async function openS3Object(
  url: URL,
  { endpoint, forcePathStyle }: StoreOptions['s3'],
): Promise<ObjectBytes> {
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle,
    followRegionRedirects: true,
  })
  const { Body } = await client.send(new GetObjectCommand({ Bucket: url.hostname, Key: keyOf(url) }))
  if (Body === undefined) throw new Error(`${url} has no body`)
  return Body.transformToWebStream()
}
