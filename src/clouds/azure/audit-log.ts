import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { AuditEntry, AuditedObject, AuditLog, AuditLogState } from '../audit-log.ts'
import { fetchPatiently } from '../patient-fetch.ts'
import { refusalError, unexpectedAnswerError, unreachableError } from './errors.ts'
import type { AzurePlatform } from './platform.ts'

/** Writes alone: reads are most of the volume, and kept in prod only. */
const category = 'kube-audit-admin'
const table = 'AKSAuditAdmin'
const publicEndpoint = 'https://api.loganalytics.io'
const settingsApi = '2021-05-01-preview'
const workspaceApi = '2023-09-01'

const settingSchema = z.object({
  properties: z.object({
    workspaceId: z.string().nullish(),
    logAnalyticsDestinationType: z.string().nullish(),
    logs: z.array(z.object({ category: z.string().nullish(), enabled: z.boolean() })).default([]),
  }),
})
const workspaceSchema = z.object({
  properties: z.object({ customerId: z.string(), retentionInDays: z.number().optional() }),
})
/** https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format */
const answerSchema = z.object({
  tables: z.array(z.object({ rows: z.array(z.array(z.unknown())) })),
})
const rowSchema = z.tuple([z.string(), z.string(), z.string(), z.string()])

export function auditLog(platform: AzurePlatform): AuditLog {
  const { names } = platform
  return {
    place: `Log Analytics workspace ${names.logAnalytics}, table ${table}`,
    command: `az monitor log-analytics query --workspace "$(az monitor log-analytics workspace show --resource-group ${names.resourceGroup} --workspace-name ${names.logAnalytics} --query customerId --output tsv)" --analytics-query "${table} | top 20 by TimeGenerated"`,
    state: signal => state(platform, signal),
    newest: (object, since, signal) => newest(platform, object, since, signal),
  }
}

const clusterId = ({ resourceGroupId, names }: AzurePlatform) =>
  `${resourceGroupId}/providers/Microsoft.ContainerService/managedClusters/${names.cluster}`

const workspaceId = ({ resourceGroupId, names }: AzurePlatform) =>
  `${resourceGroupId}/providers/Microsoft.OperationalInsights/workspaces/${names.logAnalytics}`

async function state(platform: AzurePlatform, signal: AbortSignal): Promise<AuditLogState> {
  const arm = await platform.arm()
  const path = `${clusterId(platform)}/providers/Microsoft.Insights/diagnosticSettings`
  const [settings, workspace] = await Promise.all([
    arm.list(path, settingsApi, settingSchema, signal),
    findWorkspace(platform, signal),
  ])
  const { cluster, logAnalytics } = platform.names
  if (workspace === undefined) return { kept: false, problem: `there is no workspace ${logAnalytics}` }
  const isKept = settings.some(
    ({ properties: { workspaceId: its, logAnalyticsDestinationType: destination, logs } }) =>
      its?.toLowerCase() === workspaceId(platform).toLowerCase() &&
      // Else its entries go to AzureDiagnostics, a table for all that has none of its own.
      destination === 'Dedicated' &&
      logs.some(log => log.category === category && log.enabled),
  )
  if (!isKept)
    return {
      kept: false,
      problem: `no diagnostic setting of cluster ${cluster} sends ${category} to table ${table} of workspace ${logAnalytics}`,
    }
  const retentionDays = workspace.properties.retentionInDays
  return { kept: true, ...(retentionDays === undefined ? {} : { retentionDays }) }
}

async function findWorkspace(platform: AzurePlatform, signal: AbortSignal) {
  const arm = await platform.arm()
  return await arm.get(workspaceId(platform), workspaceApi, workspaceSchema, signal)
}

async function newest(
  platform: AzurePlatform,
  object: AuditedObject,
  since: Date,
  signal: AbortSignal,
): Promise<AuditEntry | undefined> {
  const workspace = await findWorkspace(platform, signal)
  if (workspace === undefined) return undefined
  const rows = await query(
    platform,
    workspace.properties.customerId,
    questionOf(platform, object, since),
    signal,
  )
  const [row] = rows
  if (row === undefined) return undefined
  const parsed = rowSchema.safeParse(row)
  if (!parsed.success) throw unexpectedAnswerError(`query of ${table}`, z.prettifyError(parsed.error))
  const [at, by, verb, userAgent] = parsed.data
  return { at, by, verb, userAgent }
}

/** https://learn.microsoft.com/azure/azure-monitor/reference/tables/aksauditadmin; strings of KQL are escaped as JSON's. */
function questionOf(
  platform: AzurePlatform,
  { resource, namespace, name }: AuditedObject,
  since: Date,
): string {
  const is = (field: string, value: string) => `ObjectRef.${field} == ${JSON.stringify(value)}`
  return [
    table,
    `where TimeGenerated >= datetime(${since.toISOString()})`,
    `where _ResourceId =~ ${JSON.stringify(clusterId(platform))}`,
    `where ${is('resource', resource)} and ${is('namespace', namespace)} and ${is('name', name)}`,
    'top 1 by TimeGenerated desc',
    'project RequestReceivedTime, tostring(User.username), Verb, UserAgent',
  ].join('\n| ')
}

async function query(
  platform: AzurePlatform,
  workspace: string,
  question: string,
  signal: AbortSignal,
): Promise<readonly (readonly unknown[])[]> {
  const endpoint = platform.options.target.endpoints['logAnalytics'] ?? publicEndpoint
  const url = new URL(`/v1/workspaces/${encodeURIComponent(workspace)}/query`, endpoint)
  const request = `POST ${url.pathname} (${table})`
  const { token } = await platform.accessToken(`${publicEndpoint}/.default`, signal)
  const answer = await fetchPatiently(
    async () => ({
      url,
      init: {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query: question }),
      },
    }),
    signal,
  ).catch((error: unknown) => {
    signal.throwIfAborted()
    throw unreachableError(request, error instanceof Error ? error : new Error(String(error)))
  })
  // A table is there from its first entry on.
  if (answer.status === 400 && /Failed to resolve table/i.test(answer.body)) return []
  if (answer.status !== 200) throw refusalError({ ...answer, request })
  const parsed = answerSchema.safeParse(parseJson(answer.body))
  if (!parsed.success) throw unexpectedAnswerError(request, z.prettifyError(parsed.error))
  return parsed.data.tables[0]?.rows ?? []
}
