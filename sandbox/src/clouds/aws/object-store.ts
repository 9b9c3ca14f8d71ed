import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { CloudError } from '../../behaviour.ts'
import type { World } from '../../world.ts'
import { defaultRegion } from './naming.ts'
import { signedHeaders } from './sigv4.ts'

// Buckets live in the resource store; the data plane behind them (versitygw) hears of one when it is first used.
const materialised = 'aws:s3-materialised'

/** Makes sure the data plane has the bucket. */
export async function materialise(world: World, bucket: string): Promise<void> {
  if (world.store.getFact(materialised, bucket) !== undefined) return
  const answer = await ask(world, 'PUT', `/${bucket}`)
  // 409: it is there already.
  if (answer.status !== 200 && answer.status !== 409)
    throw new Error(`the object store refused bucket ${bucket}: ${answer.status} ${answer.body}`)
  const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
  const answered = await ask(world, 'PUT', `/${bucket}?versioning=`, versioning)
  if (answered.status !== 200) world.log(`object store keeps no versions of ${bucket}: ${answered.status}`)
  world.store.putFact(materialised, bucket, true)
}

/** Removes the bucket from the data plane. Throws BucketNotEmpty while it holds anything. */
export async function dematerialise(world: World, bucket: string): Promise<void> {
  if (world.store.getFact(materialised, bucket) === undefined) return
  const answer = await ask(world, 'DELETE', `/${bucket}`)
  if (answer.status === 409)
    throw new CloudError(
      'BucketNotEmpty',
      'The bucket you tried to delete is not empty. You must delete all versions in the bucket.',
      409,
    )
  if (answer.status !== 204 && answer.status !== 404)
    throw new Error(`the object store kept bucket ${bucket}: ${answer.status} ${answer.body}`)
  world.store.deleteFact(materialised, bucket)
}

/** Deletes every version of every object, as the provider does for force_destroy. */
export async function emptyBucket(world: World, bucket: string): Promise<void> {
  if (world.store.getFact(materialised, bucket) === undefined) return
  for (;;) {
    const listing = await ask(world, 'GET', `/${bucket}?versions=`)
    const versions = [
      ...listing.body.matchAll(/<(?:Version|DeleteMarker)>(.*?)<\/(?:Version|DeleteMarker)>/gs),
    ].map(match => ({
      key: /<Key>(.*?)<\/Key>/s.exec(match[1] ?? '')?.[1] ?? '',
      version: /<VersionId>(.*?)<\/VersionId>/s.exec(match[1] ?? '')?.[1] ?? 'null',
    }))
    if (versions.length === 0) return
    for (const { key, version } of versions) {
      const path = key.split('/').map(encodeURIComponent).join('/')
      await ask(world, 'DELETE', `/${bucket}/${path}?versionId=${encodeURIComponent(version)}`)
    }
  }
}

/** One request of the sandbox's own to the data plane, signed as its owner. */
async function ask(
  world: World,
  method: string,
  target: string,
  body = '',
): Promise<{ readonly status: number; readonly body: string }> {
  const base = new URL(world.endpoints.s3)
  const headers = signedHeaders(
    { method, target, headers: { host: base.host } },
    { accessKeyId: world.secrets.awsAccessKeyId, region: defaultRegion, service: 's3' },
    world.secrets.awsSecretAccessKey,
    body,
    new Date(),
  )
  return new Promise((resolve, reject) => {
    const options = { method, headers, ca: world.caPem, host: base.hostname, port: base.port, path: target }
    const send = base.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(options, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}
