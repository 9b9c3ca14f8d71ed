import type { RecordStore } from '../../engine/record-store.ts'
import { awsError, namesOf } from './errors.ts'
import type { AwsPlatform } from './platform.ts'

/**
 * Objects below `mlp/` in the state bucket; an ETag is the version. Conditional writes:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function recordStore({ names, clients }: AwsPlatform): RecordStore {
  const Bucket = names.stateBucket
  const place = `s3://${Bucket}/mlp`
  return {
    place,
    async read(name, abortSignal) {
      const { GetObjectCommand } = await import('./s3.ts')
      const s3 = await clients.s3()
      try {
        const answer = await s3.send(new GetObjectCommand({ Bucket, Key: `mlp/${name}` }), { abortSignal })
        const text = (await answer.Body?.transformToString()) ?? ''
        return { state: 'found', text, version: answer.ETag ?? '' }
      } catch (error) {
        if (namesOf(error).includes('NoSuchBucket')) return { state: 'no-store' }
        if (namesOf(error).includes('NoSuchKey')) return { state: 'absent' }
        throw awsError(error, `reading ${place}/${name}`)
      }
    },
    async write(name, Body, after, abortSignal) {
      const { PutObjectCommand } = await import('./s3.ts')
      const s3 = await clients.s3()
      const condition = after === undefined ? { IfNoneMatch: '*' } : { IfMatch: after }
      try {
        const answer = await s3.send(
          new PutObjectCommand({ Bucket, Key: `mlp/${name}`, Body, ...condition }),
          {
            abortSignal,
          },
        )
        return answer.ETag ?? ''
      } catch (error) {
        if (namesOf(error).some(said => refusals.has(said))) return undefined
        throw awsError(error, `writing ${place}/${name}`)
      }
    },
  }
}

/** Another version, another write at the same moment, and removed meanwhile. */
const refusals = new Set(['PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey'])
