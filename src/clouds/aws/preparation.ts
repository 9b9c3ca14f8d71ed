import { platformIdKey } from '../../config/names.ts'
import type { Leftover } from '../../engine/events.ts'
import { type AwsPlatform, ask, find } from './platform.ts'
import type { S3Client } from './s3.ts'

/** What is not yet as terraform's state needs it: one bucket, and how it must be. Changes nothing. */
export async function missingPreparations(
  platform: AwsPlatform,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const s3 = await platform.clients.s3()
  const bucket = platform.names.stateBucket
  if (!(await bucketExists(s3, bucket, signal))) return [`state bucket ${bucket}`]
  const missing = await Promise.all(
    settings(platform).map(async setting => ((await setting.holds(s3, signal)) ? undefined : setting.title)),
  )
  return missing.filter(title => title !== undefined)
}

/** Makes the state bucket and its settings; safe to repeat. */
export async function prepare(
  platform: AwsPlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<readonly Leftover[]> {
  const { CreateBucketCommand } = await import('./s3.ts')
  const s3 = await platform.clients.s3()
  const bucket = platform.names.stateBucket
  const { region } = platform.aws
  if (!(await bucketExists(s3, bucket, signal))) {
    report(`making state bucket ${bucket}`)
    await ask(`making bucket ${bucket}`, () =>
      s3.send(
        new CreateBucketCommand({
          Bucket: bucket,
          // us-east-1 is the one region that may not be named.
          ...(isLocation(region) ? { CreateBucketConfiguration: { LocationConstraint: region } } : {}),
        }),
        { abortSignal: signal },
      ),
    )
  }
  for (const setting of settings(platform)) {
    if (await setting.holds(s3, signal)) continue
    report(setting.title)
    await ask(`setting ${setting.title}`, () => setting.make(s3, signal))
  }
  return kept(platform)
}

/** What `prepare` made, as found in the world now. */
export async function preparations(platform: AwsPlatform, signal: AbortSignal): Promise<readonly Leftover[]> {
  const s3 = await platform.clients.s3()
  return (await bucketExists(s3, platform.names.stateBucket, signal)) ? kept(platform) : []
}

function kept({ names }: AwsPlatform): readonly Leftover[] {
  const bucket = names.stateBucket
  return [
    {
      cloud: 'aws',
      type: 'aws_s3_bucket',
      id: `arn:aws:s3:::${bucket}`,
      name: bucket,
      reason: "holds terraform's state",
    },
  ]
}

async function bucketExists(s3: S3Client, bucket: string, abortSignal: AbortSignal): Promise<boolean> {
  const { HeadBucketCommand } = await import('./s3.ts')
  const answer = await find(`looking for bucket ${bucket}`, () =>
    s3.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal }),
  )
  return answer !== undefined
}

interface Setting {
  readonly title: string
  holds(s3: S3Client, signal: AbortSignal): Promise<boolean>
  make(s3: S3Client, signal: AbortSignal): Promise<unknown>
}

function settings(platform: AwsPlatform): readonly Setting[] {
  const Bucket = platform.names.stateBucket
  return [
    {
      title: `tags of state bucket ${Bucket}`,
      async holds(s3, abortSignal) {
        const { GetBucketTaggingCommand } = await import('./s3.ts')
        const answer = await find('reading bucket tags', () =>
          s3.send(new GetBucketTaggingCommand({ Bucket }), { abortSignal }),
        )
        return stateTags(platform).every(tag =>
          answer?.TagSet?.some(own => own.Key === tag.Key && own.Value === tag.Value),
        )
      },
      async make(s3, abortSignal) {
        const { PutBucketTaggingCommand } = await import('./s3.ts')
        const Tagging = { TagSet: [...stateTags(platform)] }
        return s3.send(new PutBucketTaggingCommand({ Bucket, Tagging }), { abortSignal })
      },
    },
    {
      title: `versioning of state bucket ${Bucket}`,
      async holds(s3, abortSignal) {
        const { GetBucketVersioningCommand } = await import('./s3.ts')
        const answer = await ask('reading bucket versioning', () =>
          s3.send(new GetBucketVersioningCommand({ Bucket }), { abortSignal }),
        )
        return answer.Status === 'Enabled'
      },
      async make(s3, abortSignal) {
        const { PutBucketVersioningCommand } = await import('./s3.ts')
        const VersioningConfiguration = { Status: 'Enabled' as const }
        return s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }), { abortSignal })
      },
    },
    {
      title: `encryption of state bucket ${Bucket}`,
      async holds(s3, abortSignal) {
        const { GetBucketEncryptionCommand } = await import('./s3.ts')
        const answer = await find('reading bucket encryption', () =>
          s3.send(new GetBucketEncryptionCommand({ Bucket }), { abortSignal }),
        )
        return (answer?.ServerSideEncryptionConfiguration?.Rules ?? []).length > 0
      },
      async make(s3, abortSignal) {
        const { PutBucketEncryptionCommand } = await import('./s3.ts')
        const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }
        return s3.send(
          new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } }),
          { abortSignal },
        )
      },
    },
    {
      title: `public access block of state bucket ${Bucket}`,
      async holds(s3, abortSignal) {
        const { GetPublicAccessBlockCommand } = await import('./s3.ts')
        const answer = await find('reading the public access block', () =>
          s3.send(new GetPublicAccessBlockCommand({ Bucket }), { abortSignal }),
        )
        const block = answer?.PublicAccessBlockConfiguration
        return (
          block?.BlockPublicAcls === true &&
          block.BlockPublicPolicy === true &&
          block.RestrictPublicBuckets === true
        )
      },
      async make(s3, abortSignal) {
        const { PutPublicAccessBlockCommand } = await import('./s3.ts')
        const PublicAccessBlockConfiguration = {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        }
        return s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }), {
          abortSignal,
        })
      },
    },
    {
      title: `TLS-only policy of state bucket ${Bucket}`,
      async holds(s3, abortSignal) {
        const { GetBucketPolicyCommand } = await import('./s3.ts')
        const answer = await find('reading the bucket policy', () =>
          s3.send(new GetBucketPolicyCommand({ Bucket }), { abortSignal }),
        )
        return answer?.Policy?.includes('aws:SecureTransport') === true
      },
      async make(s3, abortSignal) {
        const { PutBucketPolicyCommand } = await import('./s3.ts')
        return s3.send(new PutBucketPolicyCommand({ Bucket, Policy: tlsOnly(Bucket) }), { abortSignal })
      },
    },
  ]
}

function stateTags({
  config,
  platformId,
}: AwsPlatform): readonly { readonly Key: string; readonly Value: string }[] {
  return [
    { Key: platformIdKey.aws, Value: platformId },
    { Key: 'mlp.dev/resource', Value: 'state-bucket' },
    { Key: 'project', Value: config.project },
    { Key: 'environment', Value: config.environment },
    { Key: 'owner', Value: config.owner },
  ]
}

function tlsOnly(bucket: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'OnlyTls',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  })
}

type Location = Exclude<import('./s3.ts').BucketLocationConstraint, 'EU'>
function isLocation(region: string): region is Location {
  return region !== 'us-east-1'
}
