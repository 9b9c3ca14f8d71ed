import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import {
  type BackupService,
  type BucketHistory,
  backupsFolder,
  type DatabaseBackups,
  newestFirst,
  type StoredCopy,
} from '../backups.ts'
import { createSend, refused, retries, type Send, stateContainerUrl } from './blob-client.ts'
import type { AzurePlatform } from './platform.ts'
import { hasStateContainer, stateIds, storageApiVersion } from './state-place.ts'

const retention = z.object({ enabled: z.boolean().default(false), days: z.number().optional() })
const blobService = z.object({
  properties: z.object({
    isVersioningEnabled: z.boolean().default(false),
    deleteRetentionPolicy: retention.prefault({}),
  }),
})
const flexibleServer = z.object({
  properties: z.object({
    backup: z
      .object({ backupRetentionDays: z.number().default(0), earliestRestoreDate: z.string().optional() })
      .prefault({}),
  }),
})
const sqlDatabase = z.object({ properties: z.object({ earliestRestoreDate: z.string().optional() }) })
const sqlRetention = z.object({ properties: z.object({ retentionDays: z.number().default(0) }) })

export function backupService(platform: AzurePlatform): BackupService {
  const container = stateContainerUrl(platform)
  const place = `${container}/${backupsFolder}`
  let client: Promise<Send> | undefined
  const send: Send = async request => {
    client ??= createSend(platform, retries)
    return (await client)(request)
  }
  return {
    place,
    async list(prefix, signal) {
      // The name of an account that is not there does not resolve.
      if (!(await hasStateContainer(platform, signal))) return []
      const found: StoredCopy[] = []
      let marker = ''
      do {
        const query = new URLSearchParams({
          restype: 'container',
          comp: 'list',
          prefix: `${backupsFolder}/${prefix}`,
          ...(marker === '' ? {} : { marker }),
        })
        const url = `${container}?${query}`
        const answer = await send({ method: 'GET', url, signal })
        if (answer.status === 404) return []
        if (answer.status !== 200) throw refused(answer, `GET ${url}`)
        const page = readPage(answer.bodyAsText ?? '')
        found.push(...page.copies)
        marker = page.next
      } while (marker !== '')
      return newestFirst(found)
    },
    async read(name, signal) {
      const url = `${place}/${name}`
      const answer = await send({ method: 'GET', url, signal })
      if (answer.status === 404) return undefined
      if (answer.status !== 200) throw refused(answer, `GET ${url}`)
      return answer.bodyAsText ?? ''
    },
    async write(name, body, signal) {
      const url = `${place}/${name}`
      const answer = await send({ method: 'PUT', url, signal, body })
      if (answer.status !== 201) throw refused(answer, `PUT ${url}`)
    },
    async remove(name, signal) {
      const url = `${place}/${name}`
      const answer = await send({ method: 'DELETE', url, signal })
      if (answer.status !== 202 && answer.status !== 404) throw refused(answer, `DELETE ${url}`)
    },
    async buckets(signal) {
      const ours = `${platform.resourceGroupId}/providers/Microsoft.Storage/storageAccounts/${platform.names.storageAccount}`
      return Promise.all([ours, stateIds(platform).storage].map(id => historyOf(platform, id, signal)))
    },
    database: signal =>
      platform.options.config.database.engine === 'postgresql'
        ? postgresqlBackups(platform, signal)
        : sqlBackups(platform, signal),
  }
}

/** https://learn.microsoft.com/rest/api/storageservices/list-blobs: XML, of which three elements of each blob are read. */
function readPage(xml: string): { readonly copies: readonly StoredCopy[]; readonly next: string } {
  const element = (text: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
  const copies = (xml.match(/<Blob>[\s\S]*?<\/Blob>/g) ?? []).map(blob => ({
    name: (element(blob, 'Name') ?? '').slice(backupsFolder.length + 1),
    at: new Date(element(blob, 'Last-Modified') ?? 0).toISOString(),
    bytes: Number(element(blob, 'Content-Length') ?? 0),
  }))
  return { copies, next: element(xml, 'NextMarker') ?? '' }
}

/** Versioning is the account's, for all its containers. */
async function historyOf(platform: AzurePlatform, id: string, signal: AbortSignal): Promise<BucketHistory> {
  const arm = await platform.arm()
  const bucket = id.slice(id.lastIndexOf('/') + 1)
  const found = await arm.get(`${id}/blobServices/default`, storageApiVersion, blobService, signal)
  if (found === undefined) return { bucket, detail: 'missing', problem: 'missing' }
  const { isVersioningEnabled, deleteRetentionPolicy: kept } = found.properties
  const soft = kept.enabled ? `, deleted blobs kept for ${kept.days ?? 7} days` : ''
  return isVersioningEnabled
    ? { bucket, detail: `versioned${soft}` }
    : { bucket, detail: `not versioned${soft}`, problem: 'blob versioning is off' }
}

/** https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-backup-restore: it names no newest moment. */
async function postgresqlBackups(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<DatabaseBackups | undefined> {
  const arm = await platform.arm()
  const id = `${platform.resourceGroupId}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${platform.names.database}`
  const found = await arm.get(id, '2024-08-01', flexibleServer, signal)
  if (found === undefined) return undefined
  const { backupRetentionDays, earliestRestoreDate } = found.properties.backup
  return {
    name: platform.names.database,
    retentionDays: backupRetentionDays,
    problems: backupRetentionDays > 0 ? [] : ['backups are off (backupRetentionDays is 0)'],
    ...(earliestRestoreDate === undefined
      ? { remark: 'the first backup has not been taken yet' }
      : {
          earliest: new Date(earliestRestoreDate).toISOString(),
          remark: 'Azure names no newest moment; by its documentation logs are kept every 5 minutes',
        }),
  }
}

/** https://learn.microsoft.com/azure/azure-sql/database/automated-backups-overview */
async function sqlBackups(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<DatabaseBackups | undefined> {
  const arm = await platform.arm()
  const id = `${platform.resourceGroupId}/providers/Microsoft.Sql/servers/${platform.names.sqlServer}/databases/${platform.names.databaseName}`
  const found = await arm.get(id, '2023-08-01', sqlDatabase, signal)
  if (found === undefined) return undefined
  const policy = await arm
    .get(`${id}/backupShortTermRetentionPolicies/default`, '2023-08-01', sqlRetention, signal)
    .catch((error: unknown) => {
      if (error instanceof MlpError) return undefined
      throw error
    })
  const retentionDays = policy?.properties.retentionDays ?? 0
  const { earliestRestoreDate: earliest } = found.properties
  return {
    name: platform.names.sqlServer,
    retentionDays,
    problems: policy === undefined || retentionDays > 0 ? [] : ['backups are off (retentionDays is 0)'],
    ...(earliest === undefined ? {} : { earliest: new Date(earliest).toISOString() }),
    remark: 'Azure names no newest moment; by its documentation logs are kept about every 10 minutes',
  }
}
