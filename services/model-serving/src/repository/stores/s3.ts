import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { keyOf, type ObjectBytes } from './object.ts'

/** `s3://bucket/key`. AWS_ENDPOINT_URL_S3 names another server than AWS's; it is then addressed by path. */
export async function openS3Object(url: URL): Promise<ObjectBytes> {
  const client = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL_S3'] !== undefined })
  const { Body } = await client.send(new GetObjectCommand({ Bucket: url.hostname, Key: keyOf(url) }))
  if (Body === undefined) throw new Error(`${url} has no body`)
  return Body.transformToWebStream()
}
