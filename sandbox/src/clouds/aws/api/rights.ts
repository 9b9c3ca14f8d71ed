import { CloudError } from '../../../behaviour.ts'
import { globalArn } from '../naming.ts'
import { roleMay } from '../permissions.ts'
import type { ApiScope } from './answer.ts'

/** Throws what AWS answers to a role that may not do this. */
export function requireRight(action: string, resource: string, { world, session }: ApiScope): void {
  if (session === undefined || roleMay(world, session.role, action, resource)) return
  const who = globalArn(world, 'sts', `assumed-role/${session.role}/${session.session}`)
  throw new CloudError(
    action.startsWith('s3:') ? 'AccessDenied' : 'AccessDeniedException',
    `User: ${who} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
    403,
  )
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
export function requireS3Right(method: string, target: string, scope: ApiScope): void {
  if (scope.session === undefined) return
  const [path = '/', query = ''] = target.split('?')
  const [bucket = '', ...key] = path.slice(1).split('/').map(decodeURIComponent)
  const name = key.join('/')
  const parameters = new URLSearchParams(query)
  const [action, resource] =
    bucket === ''
      ? ['ListAllMyBuckets', '*']
      : name !== ''
        ? [objectAction(method, parameters), `arn:aws:s3:::${bucket}/${name}`]
        : method === 'POST' && parameters.has('delete')
          ? ['DeleteObject', `arn:aws:s3:::${bucket}/*`]
          : [bucketAction(method, parameters), `arn:aws:s3:::${bucket}`]
  requireRight(`s3:${action}`, resource, scope)
}

function objectAction(method: string, parameters: URLSearchParams): string {
  const isUpload = parameters.has('uploadId')
  if (method === 'GET' && isUpload) return 'ListMultipartUploadParts'
  if (method === 'DELETE') return isUpload ? 'AbortMultipartUpload' : 'DeleteObject'
  return method === 'GET' || method === 'HEAD' ? 'GetObject' : 'PutObject'
}

function bucketAction(method: string, parameters: URLSearchParams): string {
  if (method === 'PUT') return parameters.size === 0 ? 'CreateBucket' : 'PutBucketPolicy'
  if (method === 'DELETE') return 'DeleteBucket'
  if (parameters.has('location')) return 'GetBucketLocation'
  if (parameters.has('uploads')) return 'ListBucketMultipartUploads'
  return parameters.has('versions') ? 'ListBucketVersions' : 'ListBucket'
}
