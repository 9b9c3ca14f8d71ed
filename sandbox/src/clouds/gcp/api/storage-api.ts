import { CloudError } from '../../../behaviour.ts'
import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import { block, blocks, flag, object, requiredText, text, textMap } from '../attributes.ts'
import { bucketNameMistake, bucketType, computedBucket } from '../behaviours/storage.ts'
import { checkLabels, now, projectNumber, requireProject } from '../google.ts'
import { objectStore } from '../object-store.ts'
import { type Call, notFound, type Route } from './routing.ts'

/** Buckets and their settings; objects go to the object store. https://cloud.google.com/storage/docs/json_api/v1/buckets */
export const bucketRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/storage/v1/b',
    run({ query, world }) {
      requireProject(query.get('project') ?? '', world)
      const prefix = query.get('prefix') ?? ''
      const items = world.store
        .list(bucketType)
        .filter(({ id }) => id.startsWith(prefix))
        .map(bucketOf)
      return { kind: 'storage#buckets', items }
    },
  },
  {
    method: 'POST',
    path: '/storage/v1/b',
    async run({ query, body, world }) {
      const project = query.get('project') ?? ''
      requireProject(project, world)
      const name = requiredText(body, 'name')
      const mistake = bucketNameMistake(name)
      if (mistake !== undefined) throw new CloudError('invalid', `Invalid bucket name: '${name}': ${mistake}`)
      if (world.store.get(bucketType, name) !== undefined) {
        throw new CloudError(
          'conflict',
          'Your previous request to create the named bucket succeeded and you already own it.',
          409,
        )
      }
      checkLabels(textMap(body, 'labels'))
      await objectStore(world).createBucket(name)
      const attributes = attributesOf(body, {})
      return bucketOf(
        world.store.put(bucketType, name, {
          ...attributes,
          ...computedBucket(attributes, project, Number(projectNumber(world))),
        }),
      )
    },
  },
  { method: 'GET', path: '/storage/v1/b/{bucket}', run: call => bucketOf(bucketNamed(call)) },
  {
    method: 'PATCH',
    path: '/storage/v1/b/{bucket}',
    run(call) {
      const { id, attributes } = bucketNamed(call)
      return bucketOf(
        call.world.store.put(bucketType, id, { ...attributesOf(call.body, attributes), updated: now() }),
      )
    },
  },
  {
    method: 'DELETE',
    path: '/storage/v1/b/{bucket}',
    async run(call) {
      const { id } = bucketNamed(call)
      const objects = objectStore(call.world)
      if (!(await objects.isEmpty(id))) {
        throw new CloudError('conflict', 'The bucket you tried to delete is not empty.', 409)
      }
      await objects.deleteBucket(id)
      call.world.store.delete(bucketType, id)
      return undefined
    },
  },
  {
    method: 'GET',
    path: '/storage/v1/projects/{project}/serviceAccount',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      const email = `service-${projectNumber(world)}@gs-project-accounts.iam.gserviceaccount.com`
      return { kind: 'storage#serviceAccount', email_address: email }
    },
  },
]

function bucketNamed({ params, world }: Call): StoredResource {
  const found = world.store.get(bucketType, params['bucket'] ?? '')
  if (found === undefined) throw notFound('The specified bucket')
  return found
}

/** terraform's shape from the API's, over what there is. */
function attributesOf(body: Attributes, before: Attributes): Attributes {
  const access = object(body, 'iamConfiguration')
  const uniform = object(access, 'uniformBucketLevelAccess')['enabled']
  const versioning = object(body, 'versioning')['enabled']
  const softDelete = object(body, 'softDeletePolicy')['retentionDurationSeconds']
  const labels = 'labels' in body ? textMap(body, 'labels') : textMap(before, 'effective_labels')
  return {
    ...before,
    name: text(body, 'name') ?? before['name'],
    location: text(body, 'location') ?? before['location'] ?? 'US',
    storage_class: text(body, 'storageClass') ?? before['storage_class'] ?? 'STANDARD',
    labels,
    effective_labels: labels,
    public_access_prevention: text(access, 'publicAccessPrevention') ?? before['public_access_prevention'],
    uniform_bucket_level_access: uniform ?? before['uniform_bucket_level_access'] ?? false,
    versioning: versioning === undefined ? (before['versioning'] ?? []) : [{ enabled: versioning }],
    soft_delete_policy:
      softDelete === undefined
        ? (before['soft_delete_policy'] ?? [])
        : [{ retention_duration_seconds: Number(softDelete), effective_time: now() }],
  }
}

function bucketOf({ attributes }: StoredResource): object {
  const name = requiredText(attributes, 'name')
  const key = text(block(attributes, 'encryption'), 'default_kms_key_name')
  return {
    kind: 'storage#bucket',
    id: name,
    name,
    selfLink: attributes['self_link'],
    projectNumber: String(attributes['project_number']),
    location: text(attributes, 'location')?.toUpperCase(),
    locationType: 'region',
    storageClass: attributes['storage_class'],
    timeCreated: attributes['time_created'],
    updated: attributes['updated'],
    metageneration: '1',
    etag: 'CAE=',
    labels: textMap(attributes, 'effective_labels'),
    iamConfiguration: {
      publicAccessPrevention: attributes['public_access_prevention'],
      uniformBucketLevelAccess: { enabled: flag(attributes, 'uniform_bucket_level_access') },
    },
    versioning: { enabled: flag(block(attributes, 'versioning'), 'enabled') },
    ...(key === undefined ? {} : { encryption: { defaultKmsKeyName: key } }),
    softDeletePolicy: {
      retentionDurationSeconds: String(
        blocks(attributes, 'soft_delete_policy')[0]?.['retention_duration_seconds'] ?? 604800,
      ),
    },
  }
}
