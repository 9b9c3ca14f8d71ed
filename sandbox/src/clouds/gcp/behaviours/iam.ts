import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { block, requiredText, text } from '../attributes.ts'
import {
  abandoned,
  deletionPolicy,
  lastSegment,
  projectNumber,
  projectOf,
  refuseExisting,
  regionOf,
  requireResource,
  stableNumber,
} from '../google.ts'

export const serviceAccount: Behaviour = {
  type: 'google_service_account',
  source: 'https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts',
  seconds: { create: 3, update: 2, delete: 2 },
  refuses: { create: ['alreadyExists'], delete: [] },
  validate(configured) {
    const id = text(configured, 'account_id')
    if (id === undefined || /^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$/.test(id)) return []
    return [
      {
        path: 'account_id',
        message: `"account_id" ("${id}") must have 6 to 30 lower-case letters, digits and hyphens`,
      },
    ]
  },
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const email = `${requiredText(planned, 'account_id')}@${project}.iam.gserviceaccount.com`
    const id = `projects/${project}/serviceAccounts/${email}`
    refuseExisting(scope.world, this.type, id)
    return {
      ...planned,
      id,
      project,
      email,
      name: id,
      member: `serviceAccount:${email}`,
      // A deleted account's id comes back with another number, so that old grants do not apply to it.
      unique_id: stableNumber(`${id} ${countCreation(scope, id)}`, 21),
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
}

function countCreation({ world }: BehaviourScope, id: string): number {
  const before = world.store.getFact('gcp-service-accounts', id)
  const count = typeof before === 'number' ? before + 1 : 1
  world.store.putFact('gcp-service-accounts', id, count)
  return count
}

/** Service agents exist once their API is on; mlp sees to that. Users and groups are not ours to check. */
function requireMember(scope: BehaviourScope, planned: Attributes): string {
  const member = requiredText(planned, 'member')
  const [kind, identity = ''] = splitOnce(member, ':')
  if (kind !== 'serviceAccount') return member
  const pool = identity.match(/^(.+\.svc\.id\.goog)\[[^/\]]+\/[^/\]]+\]$/)?.[1]
  if (pool !== undefined) {
    requirePool(scope, pool)
    return member
  }
  if (!identity.endsWith(`@${scope.world.secrets.gcpProjectId}.iam.gserviceaccount.com`)) return member
  const accounts = scope.world.store.list(serviceAccount.type)
  if (accounts.some(({ attributes }) => attributes['email'] === identity)) return member
  throw new CloudError('badRequest', `Service account ${identity} does not exist.`)
}

function requirePool(scope: BehaviourScope, pool: string): void {
  const clusters = scope.world.store.list('google_container_cluster')
  const there = clusters.some(
    ({ attributes }) => block(attributes, 'workload_identity_config')['workload_pool'] === pool,
  )
  // The pool outlives the cluster that brought it.
  if (there) scope.world.store.putFact('gcp-workload-pools', pool, true)
  if (there || scope.world.store.getFact('gcp-workload-pools', pool) === true) return
  throw new CloudError(
    'badRequest',
    `Identity Pool does not exist (${pool}). Please check that you specified a valid resource name as returned in the \`name\` attribute in the configuration API.`,
  )
}

function splitOnce(value: string, separator: string): readonly [string, string | undefined] {
  const at = value.indexOf(separator)
  return at < 0 ? [value, undefined] : [value.slice(0, at), value.slice(at + 1)]
}

/** One grant: additive, and made again without a conflict when it is there already. */
function memberBehaviour(
  type: string,
  source: string,
  target: (
    planned: Attributes,
    scope: BehaviourScope,
  ) => { readonly path: string; readonly more?: Attributes },
): Behaviour {
  return {
    type,
    source,
    seconds: { create: 5, update: 0, delete: 5 },
    refuses: { create: [], delete: [] },
    async create(planned, scope) {
      const { path, more } = target(planned, scope)
      const role = requiredText(planned, 'role')
      if (!/^(roles|projects\/[^/]+\/roles|organizations\/\d+\/roles)\/[\w.]+$/.test(role)) {
        throw new CloudError('badRequest', `Role ${role} is not supported for this resource.`)
      }
      const member = requireMember(scope, planned)
      return { ...planned, ...more, id: `${path}/${role}/${member}`, etag: 'BwYvU2FuZGJveA==' }
    },
    importId: importId => importId.split(' ').slice(0, 3).join('/'),
  }
}

export const projectMember = memberBehaviour(
  'google_project_iam_member',
  'https://cloud.google.com/resource-manager/reference/rest/v1/projects/setIamPolicy',
  (planned, scope) => ({ path: projectOf(planned, scope) }),
)

export const serviceAccountMember = memberBehaviour(
  'google_service_account_iam_member',
  'https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/setIamPolicy',
  (planned, { world }) => {
    const path = requiredText(planned, 'service_account_id')
    requireResource(world, serviceAccount.type, path)
    return { path }
  },
)

export const cryptoKeyMember = memberBehaviour(
  'google_kms_crypto_key_iam_member',
  'https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/setIamPolicy',
  (planned, { world }) => {
    const path = requiredText(planned, 'crypto_key_id')
    requireResource(world, 'google_kms_crypto_key', path)
    const agent = requiredText(planned, 'member')
    // Google refuses grants to service agents that were never made (serviceusage generateServiceIdentity).
    if (agent.includes('gserviceaccount.com') && !agent.includes(projectNumber(world))) {
      throw new CloudError('badRequest', `Service account ${lastSegment(agent)} does not exist.`)
    }
    return { path }
  },
)

export const bucketMember = memberBehaviour(
  'google_storage_bucket_iam_member',
  'https://cloud.google.com/storage/docs/json_api/v1/buckets/setIamPolicy',
  (planned, { world }) => {
    const bucket = requiredText(planned, 'bucket').replace(/^b\//, '')
    requireResource(world, 'google_storage_bucket', bucket)
    return { path: `b/${bucket}`, more: { bucket: planned['bucket'] } }
  },
)

export const repositoryMember = memberBehaviour(
  'google_artifact_registry_repository_iam_member',
  'https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories/setIamPolicy',
  (planned, scope) => {
    const project = projectOf(planned, scope)
    const location = regionOf(planned, scope)
    const path = `projects/${project}/locations/${location}/repositories/${lastSegment(requiredText(planned, 'repository'))}`
    requireResource(scope.world, 'google_artifact_registry_repository', path)
    return { path, more: { project, location } }
  },
)
