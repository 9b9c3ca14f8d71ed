import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../../engine/errors.ts'
import { type AwsPlatform, ask, find } from './platform.ts'

/** A final snapshot of a large database takes its time. */
const databaseDeadlineMs = 45 * 60_000
const pollMs = 10_000

/**
 * Removes what keeps terraform from destroying data: the database (after a last snapshot, unless told not to), the
 * objects of the buckets with all their versions, the images. Safe to repeat.
 */
export async function releaseData(
  platform: AwsPlatform,
  options: { readonly finalSnapshot: boolean },
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  await releaseDatabase(platform, options.finalSnapshot, signal, report)
  for (const bucket of Object.values(platform.names.buckets))
    await emptyBucket(platform, bucket, signal, report)
  for (const repository of Object.values(platform.names.repositories))
    await emptyRepository(platform, repository, signal, report)
}

/**
 * Deletes the instance itself: whether RDS keeps a snapshot is decided in that one call, and terraform's own record of
 * it may be older than this run's consent. terraform then finds it gone.
 */
async function releaseDatabase(
  platform: AwsPlatform,
  finalSnapshot: boolean,
  abortSignal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const { DeleteDBInstanceCommand, ModifyDBInstanceCommand } = await import('@aws-sdk/client-rds')
  const rds = await platform.clients.rds()
  const DBInstanceIdentifier = platform.names.database
  const found = await databaseState(platform, abortSignal)
  if (found === undefined) return
  if (found.protected) {
    report(`turning off deletion protection of ${DBInstanceIdentifier}`)
    await ask('turning off deletion protection', () =>
      rds.send(
        new ModifyDBInstanceCommand({
          DBInstanceIdentifier,
          DeletionProtection: false,
          ApplyImmediately: true,
        }),
        { abortSignal },
      ),
    )
  }
  if (found.status !== 'deleting') {
    const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
    const snapshot = `${DBInstanceIdentifier}-final-${stamp}`
    report(
      finalSnapshot
        ? `deleting the database, last snapshot ${snapshot}`
        : 'deleting the database without a snapshot',
    )
    await ask('deleting the database', () =>
      rds.send(
        new DeleteDBInstanceCommand({
          DBInstanceIdentifier,
          ...(finalSnapshot
            ? { SkipFinalSnapshot: false, FinalDBSnapshotIdentifier: snapshot }
            : { SkipFinalSnapshot: true }),
        }),
        { abortSignal },
      ),
    )
  }
  const deadline = Date.now() + databaseDeadlineMs
  while ((await databaseState(platform, abortSignal)) !== undefined) {
    if (Date.now() > deadline)
      throw new MlpError({
        code: 'MLP3008',
        summary: `The database ${DBInstanceIdentifier} is still being deleted after ${databaseDeadlineMs / 60_000} minutes`,
        remedy: ['Look at it in the RDS console; then run the same command again.'],
      })
    report(`waiting for ${DBInstanceIdentifier} to go`)
    await delay(pollMs, undefined, { signal: abortSignal })
  }
}

async function databaseState({ clients, names }: AwsPlatform, abortSignal: AbortSignal) {
  const { DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds')
  const rds = await clients.rds()
  const answer = await find('describing the database', () =>
    rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: names.database }), { abortSignal }),
  )
  const found = answer?.DBInstances?.[0]
  return found && { status: found.DBInstanceStatus, protected: found.DeletionProtection === true }
}

async function emptyBucket(
  { clients }: AwsPlatform,
  Bucket: string,
  abortSignal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const { DeleteObjectsCommand, ListObjectVersionsCommand } = await import('./s3.ts')
  const s3 = await clients.s3()
  for (let removed = 0; ; ) {
    // Always the first page: what was on it is gone the next time.
    const page = await find(`listing bucket ${Bucket}`, () =>
      s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 1000 }), { abortSignal }),
    )
    const objects = [...(page?.Versions ?? []), ...(page?.DeleteMarkers ?? [])].flatMap(
      ({ Key, VersionId }) =>
        Key === undefined ? [] : [{ Key, ...(VersionId === undefined ? {} : { VersionId }) }],
    )
    if (objects.length === 0) return
    const answer = await ask(`emptying bucket ${Bucket}`, () =>
      s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: objects, Quiet: true } }), {
        abortSignal,
      }),
    )
    const refused = answer.Errors?.[0]
    if (refused !== undefined)
      throw new MlpError({
        code: 'MLP3003',
        summary: `Bucket ${Bucket} cannot be emptied`,
        detail: `${refused.Key}: ${refused.Code}: ${refused.Message}`,
        remedy: ['Give the identity s3:DeleteObjectVersion on the bucket, then run the same command again.'],
      })
    removed += objects.length
    report(`${removed} object versions removed from ${Bucket}`)
  }
}

async function emptyRepository(
  { clients }: AwsPlatform,
  repositoryName: string,
  abortSignal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const { BatchDeleteImageCommand, ListImagesCommand } = await import('@aws-sdk/client-ecr')
  const ecr = await clients.ecr()
  for (;;) {
    const page = await find(`listing images of ${repositoryName}`, () =>
      ecr.send(new ListImagesCommand({ repositoryName, maxResults: 100 }), { abortSignal }),
    )
    const digests = new Set(
      (page?.imageIds ?? []).map(image => image.imageDigest).filter(digest => digest !== undefined),
    )
    if (digests.size === 0) return
    const answer = await ask(`deleting images of ${repositoryName}`, () =>
      ecr.send(
        new BatchDeleteImageCommand({
          repositoryName,
          imageIds: [...digests].map(imageDigest => ({ imageDigest })),
        }),
        { abortSignal },
      ),
    )
    const refused = answer.failures?.[0]
    if (refused !== undefined)
      throw new MlpError({
        code: 'MLP3006',
        summary: `Repository ${repositoryName} cannot be emptied`,
        detail: `${refused.imageId?.imageDigest}: ${refused.failureCode}: ${refused.failureReason}`,
        remedy: ['Read what AWS says above; then run the same command again.'],
      })
    report(`${digests.size} images removed from ${repositoryName}`)
  }
}
