import * as z from 'zod'
import type { AuditEntry, AuditedObject, AuditLog } from '../audit-log.ts'
import type { GcpPlatform } from './platform.ts'

/** Of bucket `_Required`, which nobody can change: https://cloud.google.com/logging/quotas#logs_retention_periods */
const retentionDays = 400

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry, of what https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging says */
const entrySchema = z.object({
  timestamp: z.string(),
  protoPayload: z.object({
    methodName: z.string(),
    authenticationInfo: z.object({ principalEmail: z.string().default('') }).prefault({}),
    requestMetadata: z.object({ callerSuppliedUserAgent: z.string().default('') }).prefault({}),
  }),
})
const page = z.object({
  entries: z.array(entrySchema).default([]),
  nextPageToken: z.string().optional(),
})

/** Admin Activity, which Google writes always. */
export function auditLog(platform: GcpPlatform): AuditLog {
  const { project, names } = platform
  const ofCluster = `logName="${logName(project)}" AND resource.type="k8s_cluster" AND resource.labels.cluster_name="${names.cluster}"`
  return {
    place: `Cloud Logging, Admin Activity of cluster ${names.cluster}`,
    command: `gcloud logging read '${ofCluster}' --project ${project} --freshness 1d --limit 20`,
    state: async () => ({ kept: true, retentionDays }),
    newest: (object, since, signal) => newest(platform, object, since, signal),
  }
}

/** A page may be empty and yet not the last. */
async function newest(
  { rest, project, region, names }: GcpPlatform,
  { resource, namespace, name }: AuditedObject,
  since: Date,
  signal: AbortSignal,
): Promise<AuditEntry | undefined> {
  const filter = [
    is('logName', logName(project)),
    is('resource.type', 'k8s_cluster'),
    is('resource.labels.cluster_name', names.cluster),
    is('resource.labels.location', region),
    is('protoPayload.resourceName', `core/v1/namespaces/${namespace}/${resource}/${name}`),
    `timestamp>=${JSON.stringify(since.toISOString())}`,
  ].join('\n')
  let pageToken: string | undefined
  do {
    const body = {
      resourceNames: [`projects/${project}`],
      filter,
      orderBy: 'timestamp desc',
      pageSize: 1,
      ...(pageToken === undefined ? {} : { pageToken }),
    }
    const found = await rest.call(
      {
        method: 'POST',
        service: 'logging',
        path: '/v2/entries:list',
        body,
        answer: page,
        isRepeatable: true,
      },
      signal,
    )
    const [first] = found.entries
    if (first !== undefined) return entryOf(first)
    pageToken = found.nextPageToken || undefined
  } while (pageToken !== undefined)
  return undefined
}

const logName = (project: string) => `projects/${project}/logs/cloudaudit.googleapis.com%2Factivity`

/** https://cloud.google.com/logging/docs/view/logging-query-language */
const is = (field: string, value: string) => `${field}=${JSON.stringify(value)}`

function entryOf({ timestamp, protoPayload }: z.output<typeof entrySchema>): AuditEntry {
  return {
    at: timestamp,
    by: protoPayload.authenticationInfo.principalEmail,
    // `io.k8s.core.v1.configmaps.patch`
    verb: protoPayload.methodName.split('.').at(-1) ?? '',
    userAgent: protoPayload.requestMetadata.callerSuppliedUserAgent,
  }
}
