import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { firstObject, flag, text } from '../attributes.ts'
import { bucketAttributes, forgetSettings, mustBeFreeBucket } from '../behaviours/s3.ts'
import { defaultRegion, tagsOf } from '../naming.ts'
import { dematerialise, materialise } from '../object-store.ts'
import { type SignableRequest, signedHeaders } from '../sigv4.ts'
import { type Answer, type ApiScope, toXml, XmlList, xmlAnswer } from './answer.ts'

/** Sub-resources of a bucket that are settings, kept in the resource store; the data plane knows nothing of them. */
interface Setting {
  readonly type: string
  readonly missing: { readonly code: string; readonly message: string } | undefined
  show(attributes: Record<string, unknown>): string
  parse(body: string): Record<string, unknown>
}

const element = (body: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]

const settings: Readonly<Record<string, Setting>> = {
  versioning: {
    type: 'aws_s3_bucket_versioning',
    missing: undefined,
    show: attributes =>
      toXml('VersioningConfiguration', {
        Status: text(firstObject(attributes, 'versioning_configuration'), 'status'),
      }),
    parse: body => ({
      versioning_configuration: [{ status: element(body, 'Status') ?? 'Suspended', mfa_delete: '' }],
    }),
  },
  encryption: {
    type: 'aws_s3_bucket_server_side_encryption_configuration',
    missing: {
      code: 'ServerSideEncryptionConfigurationNotFoundError',
      message: 'The server side encryption configuration was not found',
    },
    show(attributes) {
      const rule = firstObject(attributes, 'rule')
      const applied = firstObject(rule, 'apply_server_side_encryption_by_default')
      return toXml('ServerSideEncryptionConfiguration', {
        Rule: {
          ApplyServerSideEncryptionByDefault: {
            SSEAlgorithm: text(applied, 'sse_algorithm'),
            KMSMasterKeyID: text(applied, 'kms_master_key_id') || undefined,
          },
          BucketKeyEnabled: flag(rule, 'bucket_key_enabled'),
        },
      })
    },
    parse: body => ({
      rule: [
        {
          bucket_key_enabled: element(body, 'BucketKeyEnabled') === 'true',
          apply_server_side_encryption_by_default: [
            {
              sse_algorithm: element(body, 'SSEAlgorithm') ?? 'AES256',
              kms_master_key_id: element(body, 'KMSMasterKeyID') ?? '',
            },
          ],
        },
      ],
    }),
  },
  publicAccessBlock: {
    type: 'aws_s3_bucket_public_access_block',
    missing: {
      code: 'NoSuchPublicAccessBlockConfiguration',
      message: 'The public access block configuration was not found',
    },
    show: attributes =>
      toXml('PublicAccessBlockConfiguration', {
        BlockPublicAcls: flag(attributes, 'block_public_acls'),
        IgnorePublicAcls: flag(attributes, 'ignore_public_acls'),
        BlockPublicPolicy: flag(attributes, 'block_public_policy'),
        RestrictPublicBuckets: flag(attributes, 'restrict_public_buckets'),
      }),
    parse: body => ({
      block_public_acls: element(body, 'BlockPublicAcls') === 'true',
      ignore_public_acls: element(body, 'IgnorePublicAcls') === 'true',
      block_public_policy: element(body, 'BlockPublicPolicy') === 'true',
      restrict_public_buckets: element(body, 'RestrictPublicBuckets') === 'true',
    }),
  },
  policy: {
    type: 'aws_s3_bucket_policy',
    missing: { code: 'NoSuchBucketPolicy', message: 'The bucket policy does not exist' },
    show: attributes => text(attributes, 'policy') ?? '',
    parse: body => ({ policy: body }),
  },
}

/** Answers what is about buckets themselves; undefined for the data plane, which gets the request as it came. */
export async function bucketAnswer(
  request: IncomingMessage,
  target: string,
  readBody: () => Promise<string>,
  scope: ApiScope,
): Promise<Answer | undefined> {
  const { world, region } = scope
  const [path = '/', query = ''] = target.split('?')
  const [bucket = '', ...key] = path.slice(1).split('/').map(decodeURIComponent)
  const parameters = new URLSearchParams(query)
  if (bucket === '') return listBuckets(scope)
  if (key.join('/') !== '') {
    mustHaveBucket(bucket, scope)
    await materialise(world, bucket)
    return undefined
  }
  const setting = Object.entries(settings).find(([name]) => parameters.has(name))?.[1]
  if (setting !== undefined) return settingAnswer(request.method ?? 'GET', bucket, setting, readBody, scope)
  if (parameters.has('tagging')) return taggingAnswer(request.method ?? 'GET', bucket, readBody, scope)
  if (parameters.has('location')) {
    mustHaveBucket(bucket, scope)
    return xmlAnswer(toXml('LocationConstraint', region === 'us-east-1' ? '' : region))
  }
  if (request.method === 'PUT' && query.replace('x-id=CreateBucket', '') === '') {
    await readBody()
    mustBeFreeBucket(scope, bucket)
    const { created_at: createdAt, ...attributes } = bucketAttributes(bucket, region)
    world.store.put('aws_s3_bucket', bucket, {
      ...attributes,
      force_destroy: false,
      tags: {},
      tags_all: {},
      _created_at: createdAt,
    })
    return { ...xmlAnswer(''), body: '', headers: { location: `/${bucket}` } }
  }
  mustHaveBucket(bucket, scope)
  if (request.method === 'HEAD') return { status: 200, headers: { 'x-amz-bucket-region': region }, body: '' }
  if (request.method === 'DELETE' && query === '') {
    await dematerialise(world, bucket)
    forgetSettings(scope, bucket)
    world.store.delete('aws_s3_bucket', bucket)
    return { status: 204, headers: {}, body: '' }
  }
  await materialise(world, bucket)
  return undefined
}

function listBuckets({ world }: ApiScope): Answer {
  return xmlAnswer(
    toXml('ListAllMyBucketsResult', {
      Owner: { ID: world.secrets.awsAccountId, DisplayName: 'mlp-sandbox' },
      Buckets: new XmlList(
        'Bucket',
        world.store
          .list('aws_s3_bucket')
          .map(bucket => ({ Name: bucket.id, CreationDate: bucket.createdAt })),
      ),
    }),
  )
}

function mustHaveBucket(bucket: string, { world }: ApiScope): void {
  if (world.store.get('aws_s3_bucket', bucket) === undefined)
    throw new CloudError('NoSuchBucket', 'The specified bucket does not exist', 404)
}

async function settingAnswer(
  method: string,
  bucket: string,
  setting: Setting,
  readBody: () => Promise<string>,
  scope: ApiScope,
): Promise<Answer> {
  mustHaveBucket(bucket, scope)
  const { store } = scope.world
  if (method === 'PUT') {
    store.put(setting.type, bucket, { id: bucket, bucket, ...setting.parse(await readBody()) })
    return { status: setting.type === 'aws_s3_bucket_policy' ? 204 : 200, headers: {}, body: '' }
  }
  if (method === 'DELETE') {
    store.delete(setting.type, bucket)
    return { status: 204, headers: {}, body: '' }
  }
  const found = store.get(setting.type, bucket)
  if (found === undefined && setting.missing !== undefined)
    throw new CloudError(setting.missing.code, setting.missing.message, 404)
  const shown = setting.show(found?.attributes ?? {})
  return setting.type === 'aws_s3_bucket_policy'
    ? { status: 200, headers: { 'content-type': 'application/json' }, body: shown }
    : xmlAnswer(shown)
}

async function taggingAnswer(
  method: string,
  bucket: string,
  readBody: () => Promise<string>,
  scope: ApiScope,
): Promise<Answer> {
  mustHaveBucket(bucket, scope)
  const { store } = scope.world
  const found = store.get('aws_s3_bucket', bucket)
  if (found === undefined) throw new CloudError('NoSuchBucket', 'The specified bucket does not exist', 404)
  if (method === 'PUT') {
    const body = await readBody()
    const tags = Object.fromEntries(
      [...body.matchAll(/<Key>([^<]*)<\/Key>\s*<Value>([^<]*)<\/Value>/g)].map(([, key, value]) => [
        key ?? '',
        value ?? '',
      ]),
    )
    store.put('aws_s3_bucket', bucket, { ...found.attributes, tags, tags_all: tags })
    return { status: 204, headers: {}, body: '' }
  }
  const tags = Object.entries(tagsOf(found))
  if (tags.length === 0) throw new CloudError('NoSuchTagSet', 'The TagSet does not exist', 404)
  return xmlAnswer(
    toXml('Tagging', {
      TagSet: new XmlList(
        'Tag',
        tags.map(([Key, Value]) => ({ Key, Value })),
      ),
    }),
  )
}

/** The target with the bucket in its path, where the client has it in the host's name. */
export function pathStyle({ target, headers }: Pick<SignableRequest, 'target' | 'headers'>): string {
  const bucket = /^([a-z0-9][a-z0-9.-]+)\.s3[.-]([a-z0-9-]+\.)?amazonaws\.com(:\d+)?$/.exec(
    headers['host'] ?? '',
  )?.[1]
  return bucket === undefined ? target : `/${bucket}${target}`
}

/**
 * Hands the request to the data plane: unchanged where it was signed for its address by the user that it knows, signed
 * anew otherwise (a bucket in the host's name, a role's temporary credentials). Bodies pass through as they come.
 */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  target: string,
  scope: ApiScope,
): Promise<void> {
  const { world } = scope
  const base = new URL(world.endpoints.s3)
  const send = base.protocol === 'https:' ? httpsRequest : httpRequest
  const isOurs = target !== request.url || scope.session !== undefined || !isLoopback(request.headers.host)
  await new Promise<void>((resolve, reject) => {
    const upstream = send(
      {
        host: base.hostname,
        port: base.port,
        method: request.method,
        path: isOurs ? unsignedQuery(target) : request.url,
        headers: isOurs ? signedAnew(request, unsignedQuery(target), base.host, world) : request.headers,
        ca: world.caPem,
      },
      answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
        answer.on('end', resolve)
        answer.on('error', reject)
      },
    )
    upstream.on('error', reject)
    request.on('error', reject)
    request.pipe(upstream)
  })
}

function isLoopback(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host ?? '')
}

/** Without what a presigned URL adds. */
function unsignedQuery(target: string): string {
  const [path = '/', query = ''] = target.split('?')
  const kept = query.split('&').filter(part => part !== '' && !/^X-Amz-/i.test(part))
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`
}

function signedAnew(
  request: IncomingMessage,
  target: string,
  host: string,
  world: World,
): IncomingHttpHeaders {
  const {
    'x-amz-security-token': _token,
    'x-amz-content-sha256': payloadHash = 'UNSIGNED-PAYLOAD',
    authorization: _authorization,
    expect: _expect,
    ...rest
  } = request.headers
  // The data plane wants each of these signed, as S3 does.
  const amazon = Object.entries(rest).flatMap(([name, value]) =>
    name.startsWith('x-amz-') && name !== 'x-amz-date' ? [[name, String(value)] as const] : [],
  )
  const signed = signedHeaders(
    { method: request.method ?? 'GET', target, headers: { host, ...Object.fromEntries(amazon) } },
    { accessKeyId: world.secrets.awsAccessKeyId, region: defaultRegion, service: 's3' },
    world.secrets.awsSecretAccessKey,
    { hash: String(payloadHash) },
    new Date(),
  )
  return { ...rest, ...signed }
}
