import { CloudError } from '../../behaviour.ts'
import type { World } from '../../world.ts'
import { text } from './attributes.ts'
import { type Claims, operatorEmail } from './tokens.ts'

type Permission = 'list' | 'get' | 'create' | 'delete' | 'update'

/** https://cloud.google.com/storage/docs/access-control/iam-roles */
const rolePermissions: Readonly<Record<string, readonly Permission[]>> = {
  'roles/storage.objectViewer': ['list', 'get'],
  'roles/storage.objectCreator': ['create'],
  'roles/storage.objectUser': ['list', 'get', 'create', 'delete', 'update'],
  'roles/storage.objectAdmin': ['list', 'get', 'create', 'delete', 'update'],
  'roles/storage.admin': ['list', 'get', 'create', 'delete', 'update'],
}

/** Whether a service account has a role on the project. */
export function hasProjectRole(world: World, email: string, role: string): boolean {
  return membersHaveRole(world, [`serviceAccount:${email}`], role)
}

function membersHaveRole(world: World, members: readonly string[], role: string): boolean {
  return world.store
    .list('google_project_iam_member')
    .some(
      ({ attributes }) =>
        members.includes(text(attributes, 'member') ?? '') && text(attributes, 'role') === role,
    )
}

/** Under which names grants may know whoever bears the token. */
function membersOf({ email, principals }: Claims): readonly string[] {
  return principals ?? [`serviceAccount:${email}`]
}

/**
 * Throws what Google answers to an identity that may not do this. The operator owns the project; service accounts, and
 * identities that somebody else vouches for, may do to objects what their roles on the bucket or the project say, and
 * nothing else.
 */
export function requireGoogleRight(world: World, claims: Claims, method: string, path: string): void {
  const { email } = claims
  const members = membersOf(claims)
  if (email === operatorEmail) return
  // The session's own address is the right to go on with it.
  if (path.startsWith('/resumable/')) return
  if (hasServiceRole(world, members, method, path)) return
  const asked = objectPermission(method, path)
  if (asked === undefined)
    throw new CloudError('forbidden', `Permission denied: ${email} has no role for ${method} ${path}.`, 403)
  const { bucket, permission } = asked
  const onBucket = world.store
    .list('google_storage_bucket_iam_member')
    .filter(
      ({ attributes }) =>
        text(attributes, 'bucket')?.replace(/^b\//, '') === bucket &&
        members.includes(text(attributes, 'member') ?? ''),
    )
    .map(({ attributes }) => text(attributes, 'role') ?? '')
  const may =
    onBucket.some(role => rolePermissions[role]?.includes(permission)) ||
    Object.entries(rolePermissions).some(
      ([role, permissions]) => permissions.includes(permission) && membersHaveRole(world, members, role),
    )
  if (may) return
  throw new CloudError(
    'forbidden',
    `${email} does not have storage.objects.${permission} access to the Google Cloud Storage ${permission === 'list' ? 'bucket' : 'object'}. Permission 'storage.objects.${permission}' denied on resource (or it may not exist).`,
    403,
  )
}

/** How roles are called that are about a service of another name. */
const rolePrefixes: Readonly<Record<string, string>> = {
  sqladmin: 'cloudsql',
  cloudresourcemanager: 'resourcemanager',
  cloudbilling: 'billing',
  billingbudgets: 'billing',
}

/**
 * Whether a role on the project is about the service that is asked: any of its roles reads; those of administrators,
 * editors and developers change. Which permissions each role holds in detail is not looked at.
 */
function hasServiceRole(world: World, members: readonly string[], method: string, path: string): boolean {
  const [, first = ''] = path.split('/')
  const service =
    first === 'v1' || first === 'v1beta1' ? 'container' : first === 'storage' ? 'storage' : first
  // Objects have their own, finer rules below.
  if (objectPermission(method, path) !== undefined && /\/o(\/|$)/.test(path)) return false
  const prefix = rolePrefixes[service] ?? service
  const reads =
    method === 'GET' || /(:(testIamPermissions|getIamPolicy)|^\/logging\/v2\/entries:list)$/.test(path)
  const roles = [
    ...world.store.list('google_project_iam_member'),
    ...(service === 'artifactregistry'
      ? world.store.list('google_artifact_registry_repository_iam_member')
      : []),
    ...(service === 'storage'
      ? world.store
          .list('google_storage_bucket_iam_member')
          .filter(({ attributes }) => path.split('/')[4] === text(attributes, 'bucket')?.replace(/^b\//, ''))
      : []),
  ]
    .filter(({ attributes }) => members.includes(text(attributes, 'member') ?? ''))
    .map(({ attributes }) => text(attributes, 'role') ?? '')
  return roles.some(role => {
    if (role === 'roles/owner' || role === 'roles/editor') return true
    if (reads && ['roles/viewer', 'roles/browser', 'roles/iam.securityReviewer'].includes(role)) return true
    if (!role.startsWith(`roles/${prefix}.`)) return false
    return reads || /(admin|editor|developer|writer)$/i.test(role)
  })
}

function objectPermission(
  method: string,
  path: string,
): { readonly bucket: string; readonly permission: Permission } | undefined {
  const [, kind, bucketInApi, object] =
    /^(?:\/(upload|download))?\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/.exec(path) ?? []
  const bucket = bucketInApi ?? (path.startsWith('/storage/') ? undefined : path.split('/')[1])
  if (bucket === undefined || bucket === '') return undefined
  const permission = (): Permission => {
    if (kind === 'upload' || method === 'POST' || method === 'PUT') return 'create'
    if (method === 'DELETE') return 'delete'
    if (method === 'PATCH') return 'update'
    return bucketInApi !== undefined && object === undefined ? 'list' : 'get'
  }
  return { bucket: decodeURIComponent(bucket), permission: permission() }
}
