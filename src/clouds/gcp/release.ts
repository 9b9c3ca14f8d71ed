import * as z from 'zod'
import { operation, ownOperation, waitForOperation, waitForOwnOperation } from './operations.ts'
import type { GcpPlatform } from './platform.ts'

const operationTimeoutMs = 20 * 60_000
const finalBackupDays = 30
const deletionsAtOnce = 16

const object = z.object({ name: z.string(), generation: z.string().optional() })
const databaseInstance = z.object({
  settings: z.object({
    deletionProtectionEnabled: z.boolean().default(false),
    finalBackupConfig: z.object({ enabled: z.boolean().default(false) }).optional(),
  }),
})
const cache = z.object({ deletionProtectionEnabled: z.boolean().default(false) })

/**
 * Lets go of what holds data, so that `terraform destroy`, which refreshes first, can remove it: Google's own deletion
 * protection off, buckets emptied with all their versions. The last backup of the database is one that Cloud SQL takes
 * while it deletes the instance, because on-demand backups are deleted with it.
 */
export async function releaseData(
  platform: GcpPlatform,
  { finalSnapshot }: { readonly finalSnapshot: boolean },
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  await releaseDatabase(platform, finalSnapshot, signal, report)
  await releaseCache(platform, signal, report)
  for (const bucket of Object.values<string>(platform.names.buckets))
    await emptyBucket(platform, bucket, signal, report)
}

async function releaseDatabase(
  { rest, project, names }: GcpPlatform,
  finalSnapshot: boolean,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const path = `/v1/projects/${project}/instances/${names.database}`
  const found = await rest.find({ service: 'sqladmin', path, answer: databaseInstance }, signal)
  if (found === undefined) return
  const { deletionProtectionEnabled, finalBackupConfig } = found.settings
  if (!deletionProtectionEnabled && (finalBackupConfig?.enabled ?? false) === finalSnapshot) return
  report(
    `releasing database ${names.database}${finalSnapshot ? ', which takes a last backup when it is deleted' : ''}`,
  )
  const settings = {
    deletionProtectionEnabled: false,
    finalBackupConfig: finalSnapshot ? { enabled: true, retentionDays: finalBackupDays } : { enabled: false },
  }
  const started = await rest.call(
    { method: 'PATCH', service: 'sqladmin', path, body: { settings }, answer: ownOperation },
    signal,
  )
  await waitForOwnOperation(
    rest,
    'sqladmin',
    `/v1/projects/${project}/operations`,
    started,
    operationTimeoutMs,
    signal,
  )
}

async function releaseCache(
  { rest, project, region, names }: GcpPlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const path = `/v1/projects/${project}/locations/${region}/clusters/${names.cache}`
  const found = await rest.find({ service: 'redis', path, answer: cache }, signal)
  if (found === undefined || !found.deletionProtectionEnabled) return
  report(`releasing cache ${names.cache}`)
  const started = await rest.call(
    {
      method: 'PATCH',
      service: 'redis',
      path,
      query: { updateMask: 'deletionProtectionEnabled' },
      body: { deletionProtectionEnabled: false },
      answer: operation,
    },
    signal,
  )
  await waitForOperation(rest, 'redis', started, operationTimeoutMs, signal)
}

async function emptyBucket(
  { rest }: GcpPlatform,
  bucket: string,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const base = `/storage/v1/b/${bucket}/o`
  const waiting: z.output<typeof object>[] = []
  const versions = rest.list(
    { service: 'storage', path: base, query: { versions: 'true' }, field: 'items', item: object },
    signal,
  )
  for await (const version of versions) waiting.push(version)
  if (waiting.length === 0) return
  report(`emptying bucket ${bucket}: ${waiting.length} object versions`)
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { name, generation } = next
      await rest.find(
        {
          method: 'DELETE',
          service: 'storage',
          path: `${base}/${encodeURIComponent(name)}`,
          ...(generation === undefined ? {} : { query: { generation } }),
          answer: z.unknown(),
        },
        signal,
      )
    }
  }
  await Promise.all(Array.from({ length: deletionsAtOnce }, worker))
}
