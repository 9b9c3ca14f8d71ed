import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { block, flag, requiredText, text } from '../attributes.ts'
import { abandoned, deletionPolicy, labelPlan, now, projectNumber, projectOf } from '../google.ts'
import { objectStore } from '../object-store.ts'
import { requireUsableKey } from './kms.ts'

export const bucketType = 'google_storage_bucket'

/** https://cloud.google.com/storage/docs/buckets#naming */
export function bucketNameMistake(name: string): string | undefined {
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name)) {
    return 'bucket names have 3 to 63 lower-case letters, digits, hyphens, underscores and dots, and begin and end with a letter or digit'
  }
  if (name.split('.').some(part => part.length > 63))
    return 'each part of a bucket name has at most 63 characters'
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return 'a bucket name cannot be an IP address'
  if (name.startsWith('goog') || /g[o0]{2}g[l1]e/.test(name))
    return 'a bucket name cannot begin with goog or hold google'
  return undefined
}

export const bucket: Behaviour = {
  type: bucketType,
  source:
    'https://cloud.google.com/storage/docs/json_api/v1/buckets and https://cloud.google.com/storage/docs/buckets#naming',
  seconds: { create: 2, update: 2, delete: 2 },
  refuses: { create: ['conflict'], delete: ['conflict'] },
  plan: labelPlan(),
  validate(configured) {
    const name = text(configured, 'name')
    const mistake = name === undefined ? undefined : bucketNameMistake(name)
    return mistake === undefined ? [] : [{ path: 'name', message: mistake }]
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    if (scope.world.store.get(bucketType, name) !== undefined) {
      throw new CloudError(
        'conflict',
        'Your previous request to create the named bucket succeeded and you already own it.',
        409,
      )
    }
    const key = text(block(planned, 'encryption'), 'default_kms_key_name')
    if (key !== undefined) requireUsableKey(scope.world, key, 'gs-project-accounts.iam.gserviceaccount.com')
    await objectStore(scope.world).createBucket(name)
    return {
      ...planned,
      ...computedBucket(planned, projectOf(planned, scope), Number(projectNumber(scope.world))),
    }
  },
  async update(prior, planned) {
    // A locked retention policy can neither be removed nor shortened.
    if (
      flag(block(prior, 'retention_policy'), 'is_locked') &&
      block(planned, 'retention_policy')['is_locked'] !== true
    ) {
      throw new CloudError(
        'forbidden',
        `Cannot remove the locked retention policy of bucket '${requiredText(prior, 'name')}'.`,
        403,
      )
    }
    return { ...planned, updated: now() }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    const name = requiredText(prior, 'name')
    const objects = objectStore(world)
    if (flag(prior, 'force_destroy')) await objects.emptyBucket(name)
    else if (!(await objects.isEmpty(name))) {
      throw new CloudError(
        'conflict',
        `Error trying to delete bucket ${name} containing objects without \`force_destroy\` set to true`,
        409,
      )
    }
    await objects.deleteBucket(name)
  },
  importId: importId => importId.slice(importId.lastIndexOf('/') + 1),
}

/** What Cloud Storage adds to a bucket, whoever makes it. */
export function computedBucket(planned: Attributes, project: string, number: number): Attributes {
  const name = requiredText(planned, 'name')
  const created = now()
  return {
    id: name,
    project,
    project_number: number,
    self_link: `https://www.googleapis.com/storage/v1/b/${name}`,
    url: `gs://${name}`,
    time_created: created,
    updated: created,
    rpo: text(planned, 'rpo') ?? '',
    public_access_prevention: text(planned, 'public_access_prevention') ?? 'inherited',
    uniform_bucket_level_access: planned['uniform_bucket_level_access'] ?? false,
    deletion_policy: deletionPolicy(planned),
  }
}
