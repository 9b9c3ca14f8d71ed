import * as z from 'zod'
import {
  type BackupService,
  type BucketHistory,
  backupsFolder,
  type DatabaseBackups,
  newestFirst,
  type StoredCopy,
} from '../backups.ts'
import type { GcpPlatform } from './platform.ts'

const daySeconds = 86_400
const copy = z.object({ name: z.string(), updated: z.string(), size: z.coerce.number().default(0) })
const bucketSettings = z.object({
  versioning: z.object({ enabled: z.boolean().default(false) }).prefault({}),
  softDeletePolicy: z.object({ retentionDurationSeconds: z.coerce.number().default(0) }).prefault({}),
})
const instance = z.object({
  settings: z.object({
    backupConfiguration: z
      .object({
        enabled: z.boolean().default(false),
        pointInTimeRecoveryEnabled: z.boolean().default(false),
        transactionLogRetentionDays: z.number().default(0),
      })
      .prefault({}),
  }),
})
const recoveryTime = z.object({
  earliestRecoveryTime: z.string().optional(),
  latestRecoveryTime: z.string().optional(),
})

export function backupService(platform: GcpPlatform): BackupService {
  const { rest, names } = platform
  const bucket = names.stateBucket
  const objects = `/storage/v1/b/${bucket}/o`
  const pathOf = (name: string) => `${objects}/${encodeURIComponent(`${backupsFolder}/${name}`)}`
  return {
    place: `gs://${bucket}/${backupsFolder}`,
    async list(prefix, signal) {
      const found: StoredCopy[] = []
      const query = { prefix: `${backupsFolder}/${prefix}` }
      const copies = rest.list(
        { service: 'storage', path: objects, query, field: 'items', item: copy },
        signal,
      )
      for await (const { name, updated, size } of copies)
        found.push({ name: name.slice(backupsFolder.length + 1), at: isoOf(updated), bytes: size })
      return newestFirst(found)
    },
    async read(name, signal) {
      const request = { service: 'storage', path: pathOf(name), query: { alt: 'media' } } as const
      const { status, body } = await rest.text(request, [404], signal)
      return status === 404 ? undefined : body
    },
    async write(name, text, signal) {
      await rest.text(
        {
          method: 'POST',
          service: 'storage',
          path: `/upload/storage/v1/b/${bucket}/o`,
          query: { uploadType: 'media', name: `${backupsFolder}/${name}` },
          body: text,
          // The same content under the same name.
          isRepeatable: true,
        },
        [],
        signal,
      )
    },
    async remove(name, signal) {
      await rest.find(
        { method: 'DELETE', service: 'storage', path: pathOf(name), answer: z.unknown(), isRepeatable: true },
        signal,
      )
    },
    buckets: signal =>
      Promise.all(
        [...Object.values<string>(names.buckets), names.stateBucket].map(each =>
          historyOf(platform, each, signal),
        ),
      ),
    database: signal => databaseBackups(platform, signal),
  }
}

async function historyOf({ rest }: GcpPlatform, bucket: string, signal: AbortSignal): Promise<BucketHistory> {
  const path = `/storage/v1/b/${bucket}`
  const found = await rest.find({ service: 'storage', path, answer: bucketSettings }, signal)
  if (found === undefined) return { bucket, detail: 'missing', problem: 'missing' }
  const days = found.softDeletePolicy.retentionDurationSeconds / daySeconds
  const soft = days > 0 ? `, deleted objects kept for ${days} days` : ''
  return found.versioning.enabled
    ? { bucket, detail: `versioned${soft}` }
    : { bucket, detail: `not versioned${soft}`, problem: 'object versioning is off' }
}

/** https://cloud.google.com/sql/docs/postgres/backup-recovery/pitr */
async function databaseBackups(
  { rest, project, names }: GcpPlatform,
  signal: AbortSignal,
): Promise<DatabaseBackups | undefined> {
  const path = `/v1/projects/${project}/instances/${names.database}`
  const found = await rest.find({ service: 'sqladmin', path, answer: instance }, signal)
  if (found === undefined) return undefined
  const { enabled, pointInTimeRecoveryEnabled, transactionLogRetentionDays } =
    found.settings.backupConfiguration
  const problems = [
    ...(enabled ? [] : ['automated backups are off (backupConfiguration.enabled)']),
    ...(pointInTimeRecoveryEnabled ? [] : ['point-in-time recovery is off (pointInTimeRecoveryEnabled)']),
  ]
  const base = { name: names.database, retentionDays: transactionLogRetentionDays, problems }
  if (problems.length > 0) return base
  const times = await rest.find(
    { service: 'sqladmin', path: `${path}/getLatestRecoveryTime`, answer: recoveryTime },
    signal,
  )
  return {
    ...base,
    ...(times?.earliestRecoveryTime === undefined ? {} : { earliest: isoOf(times.earliestRecoveryTime) }),
    ...(times?.latestRecoveryTime === undefined
      ? { remark: 'the first backup has not been taken yet' }
      : { newest: isoOf(times.latestRecoveryTime) }),
  }
}

/** Google writes fractions of a second as long as it likes. */
function isoOf(time: string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? time : date.toISOString()
}
