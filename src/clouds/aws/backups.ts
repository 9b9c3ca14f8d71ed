import {
  type BackupService,
  type BucketHistory,
  backupsFolder,
  type DatabaseBackups,
  newestFirst,
  type StoredCopy,
} from '../backups.ts'
import { awsError, isNotFound } from './errors.ts'
import { type AwsPlatform, ask, find } from './platform.ts'

export function backupService(platform: AwsPlatform): BackupService {
  const { names, clients } = platform
  const Bucket = names.stateBucket
  const place = `s3://${Bucket}/${backupsFolder}`
  const keyOf = (name: string) => `${backupsFolder}/${name}`
  return {
    place,
    async list(prefix, abortSignal) {
      const { ListObjectsV2Command } = await import('./s3.ts')
      const s3 = await clients.s3()
      const found: StoredCopy[] = []
      let ContinuationToken: string | undefined
      do {
        const page = await find(`listing ${place}/${prefix}`, () =>
          s3.send(
            new ListObjectsV2Command({
              Bucket,
              Prefix: keyOf(prefix),
              ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
            }),
            { abortSignal },
          ),
        )
        for (const { Key, LastModified, Size } of page?.Contents ?? [])
          if (Key !== undefined)
            found.push({
              name: Key.slice(backupsFolder.length + 1),
              at: LastModified?.toISOString() ?? '',
              bytes: Size ?? 0,
            })
        ContinuationToken = page?.NextContinuationToken
      } while (ContinuationToken !== undefined)
      return newestFirst(found)
    },
    async read(name, abortSignal) {
      const { GetObjectCommand } = await import('./s3.ts')
      const s3 = await clients.s3()
      const answer = await find(`reading ${place}/${name}`, () =>
        s3.send(new GetObjectCommand({ Bucket, Key: keyOf(name) }), { abortSignal }),
      )
      return await answer?.Body?.transformToString()
    },
    async write(name, Body, abortSignal) {
      const { PutObjectCommand } = await import('./s3.ts')
      const s3 = await clients.s3()
      await ask(`writing ${place}/${name}`, () =>
        s3.send(new PutObjectCommand({ Bucket, Key: keyOf(name), Body, ContentType: 'application/json' }), {
          abortSignal,
        }),
      )
    },
    async remove(name, abortSignal) {
      const { DeleteObjectsCommand } = await import('./s3.ts')
      const s3 = await clients.s3()
      await find(`removing ${place}/${name}`, () =>
        s3.send(
          new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: keyOf(name) }], Quiet: true } }),
          { abortSignal },
        ),
      )
    },
    buckets: signal =>
      Promise.all(
        [...Object.values<string>(names.buckets), names.stateBucket].map(bucket =>
          historyOf(platform, bucket, signal),
        ),
      ),
    database: signal => databaseBackups(platform, signal),
  }
}

async function historyOf(
  { clients }: AwsPlatform,
  bucket: string,
  abortSignal: AbortSignal,
): Promise<BucketHistory> {
  const { GetBucketVersioningCommand } = await import('./s3.ts')
  const s3 = await clients.s3()
  try {
    const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }), { abortSignal })
    const detail = `versioning ${Status ?? 'never enabled'}`
    return Status === 'Enabled' ? { bucket, detail } : { bucket, detail, problem: detail }
  } catch (error) {
    if (isNotFound(error)) return { bucket, detail: 'missing', problem: 'missing' }
    throw awsError(error, `reading the versioning of bucket ${bucket}`)
  }
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html */
async function databaseBackups(
  { clients, names }: AwsPlatform,
  abortSignal: AbortSignal,
): Promise<DatabaseBackups | undefined> {
  const { DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds')
  const rds = await clients.rds()
  const answer = await find('describing the database', () =>
    rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: names.database }), { abortSignal }),
  )
  const found = answer?.DBInstances?.[0]
  if (found === undefined) return undefined
  const retentionDays = found.BackupRetentionPeriod ?? 0
  const newest = found.LatestRestorableTime?.toISOString()
  return {
    name: names.database,
    retentionDays,
    problems: retentionDays > 0 ? [] : ['automated backups are off (BackupRetentionPeriod is 0)'],
    ...(newest === undefined ? { remark: 'the first backup has not been taken yet' } : { newest }),
  }
}
