import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import { firstObject, flag, objects, requiredText, text } from '../attributes.ts'
import { mustExist, regionOf, withTags } from '../naming.ts'
import { dematerialise, emptyBucket } from '../object-store.ts'
import { isPolicyDocument } from '../policy.ts'

// Names that other accounts hold: what everybody would call a bucket first.
const takenByOthers = new Set([
  'data',
  'models',
  'logs',
  'ml-platform',
  'ml-platform-models',
  'ml-platform-data',
  'terraform-state',
])

/** Throws as S3 does when a name is impossible or not free. */
export function mustBeFreeBucket(scope: Pick<BehaviourScope, 'world'>, name: string): void {
  if (!isBucketName(name)) throw new CloudError('InvalidBucketName', 'The specified bucket is not valid.')
  if (takenByOthers.has(name))
    throw new CloudError(
      'BucketAlreadyExists',
      'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
      409,
    )
  if (scope.world.store.get('aws_s3_bucket', name) !== undefined)
    throw new CloudError(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      409,
    )
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+(\.\d+){3}$/.test(name) &&
    !/^(xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name)
  )
}

/** What terraform's provider reads of a bucket; also of one made through the API. */
export function bucketAttributes(name: string, region: string): Record<string, unknown> {
  return {
    id: name,
    bucket: name,
    bucket_prefix: '',
    arn: `arn:aws:s3:::${name}`,
    bucket_domain_name: `${name}.s3.amazonaws.com`,
    bucket_regional_domain_name: `${name}.s3.${region}.amazonaws.com`,
    // https://docs.aws.amazon.com/general/latest/gr/s3.html: the zone of us-east-1.
    hosted_zone_id: 'Z3AQBSTGFYJSTF',
    region,
    acceleration_status: '',
    acl: null,
    object_lock_enabled: false,
    policy: '',
    request_payer: 'BucketOwner',
    website_domain: null,
    website_endpoint: null,
    created_at: new Date().toISOString(),
  }
}

const bucket: Behaviour = {
  type: 'aws_s3_bucket',
  source: 'https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html, API_DeleteBucket.html',
  seconds: { create: 3, update: 1, delete: 1 },
  refuses: { create: ['BucketAlreadyExists', 'BucketAlreadyOwnedByYou'], delete: ['BucketNotEmpty'] },
  validate(configured) {
    const name = text(configured, 'bucket')
    return name === undefined || isBucketName(name)
      ? []
      : [{ path: 'bucket', message: `"${name}" is not a valid bucket name` }]
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'bucket')
    mustBeFreeBucket(scope, name)
    const { created_at: createdAt, ...attributes } = bucketAttributes(name, regionOf(scope))
    return { ...attributes, ...withTags(planned, scope), _created_at: createdAt }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const name = requiredText(prior, 'bucket')
    if (flag(prior, 'force_destroy')) await emptyBucket(scope.world, name)
    await dematerialise(scope.world, name)
    forgetSettings(scope, name)
  },
}

/** A bucket's settings go with it. */
export function forgetSettings(scope: Pick<BehaviourScope, 'world'>, name: string): void {
  for (const { type } of settings) scope.world.store.delete(type, name)
}

/** Settings are documents of a bucket: putting one over another is no conflict, and deleting one restores the default. */
function setting(
  type: string,
  api: string,
  complete: (planned: Record<string, unknown>) => Record<string, unknown>,
): Behaviour {
  return {
    type,
    source: `https://docs.aws.amazon.com/AmazonS3/latest/API/${api}.html`,
    seconds: { create: 1, update: 1, delete: 1 },
    refuses: { create: [], delete: [] },
    async create(planned, scope) {
      const name = requiredText(planned, 'bucket')
      mustExist(scope, 'aws_s3_bucket', name, 'NoSuchBucket', 'The specified bucket does not exist')
      return { ...planned, ...complete(planned), id: name }
    },
    update: async (prior, planned) => ({ ...prior, ...planned, ...complete(planned) }),
    read: async (stored, scope) =>
      scope.world.store.get('aws_s3_bucket', text(stored, 'bucket') ?? '') === undefined ? undefined : stored,
  }
}

const settings: readonly Behaviour[] = [
  setting('aws_s3_bucket_versioning', 'API_PutBucketVersioning', planned => ({
    versioning_configuration: [{ mfa_delete: '', ...firstObject(planned, 'versioning_configuration') }],
  })),
  setting('aws_s3_bucket_server_side_encryption_configuration', 'API_PutBucketEncryption', planned => ({
    rule: objects(planned, 'rule'),
  })),
  setting('aws_s3_bucket_public_access_block', 'API_PutPublicAccessBlock', () => ({})),
  setting('aws_s3_bucket_policy', 'API_PutBucketPolicy', planned => {
    if (!isPolicyDocument(requiredText(planned, 'policy')))
      throw new CloudError('MalformedPolicy', "Policies must be valid JSON and the first byte must be '{'")
    return {}
  }),
  setting('aws_s3_bucket_lifecycle_configuration', 'API_PutBucketLifecycleConfiguration', planned => ({
    expected_bucket_owner: '',
    transition_default_minimum_object_size: 'all_storage_classes_128K',
    rule: objects(planned, 'rule').map(rule => ({
      ...rule,
      prefix: text(rule, 'prefix') ?? '',
      expiration: objects(rule, 'expiration').map(expiration => ({
        expired_object_delete_marker: false,
        ...expiration,
      })),
      filter: objects(rule, 'filter').map(filter => ({ prefix: '', ...filter })),
      noncurrent_version_expiration: objects(rule, 'noncurrent_version_expiration').map(expiration => ({
        newer_noncurrent_versions: null,
        ...expiration,
      })),
    })),
  })),
  setting('aws_s3_bucket_ownership_controls', 'API_PutBucketOwnershipControls', () => ({})),
  setting('aws_s3_bucket_logging', 'API_PutBucketLogging', () => ({})),
]

export const s3Behaviours: readonly Behaviour[] = [bucket, ...settings]
