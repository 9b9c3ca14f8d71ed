import { CloudError } from '../../../behaviour.ts'
import type { AuditEvent } from '../../../kubernetes/audit-events.ts'
import type { StoredResource } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { sameId } from '../arm-id.ts'
import { blocks, text } from '../attributes.ts'
import { clusterKey } from '../resources/node-groups.ts'
import { type ArmRequest, type ArmResponse, armError, jsonBody } from './exchange.ts'

const columns = [
  { name: 'RequestReceivedTime', type: 'datetime' },
  { name: 'User_username', type: 'string' },
  { name: 'Verb', type: 'string' },
  { name: 'UserAgent', type: 'string' },
]

/** The one question that is understood. */
const form =
  /^AKSAuditAdmin\n\| where TimeGenerated >= datetime\(([^)]+)\)\n\| where _ResourceId =~ "([^"\\]+)"\n\| where ObjectRef\.resource == "([^"\\]+)" and ObjectRef\.namespace == "([^"\\]+)" and ObjectRef\.name == "([^"\\]+)"\n\| top 1 by TimeGenerated desc\n\| project RequestReceivedTime, tostring\(User\.username\), Verb, UserAgent$/

/** The workspace whose data is asked for; undefined where the path is not Log Analytics'. */
export function queriedWorkspace({ path }: ArmRequest): string | undefined {
  return /^\/v1\/workspaces\/([^/]+)\/query$/.exec(path)?.[1]
}

export function workspaceOf(world: World, customerId: string): StoredResource | undefined {
  return world.store
    .list('azurerm_log_analytics_workspace')
    .find(({ attributes }) => text(attributes, 'workspace_id') === customerId)
}

/** https://learn.microsoft.com/azure/azure-monitor/logs/api/overview; whoever asks may. */
export async function queryLogs(
  request: ArmRequest,
  workspace: StoredResource,
  world: World,
): Promise<ArmResponse> {
  if (request.method !== 'POST') return armError(405, 'MethodNotAllowed', 'Ask by POST.')
  const question = text(jsonBody(request), 'query') ?? ''
  const [, from = '', cluster = '', resource = '', namespace = '', name = ''] = form.exec(question) ?? []
  const since = Date.parse(from)
  if (Number.isNaN(since))
    throw new CloudError(
      'BadArgumentError',
      `The request had some invalid properties: the sandbox does not understand ${question}`,
    )
  const setting = settingOf(world, cluster, workspace.id)
  const events =
    setting === undefined
      ? []
      : await world.clusters.auditEvents(clusterKey(cluster), {
          ...{ resource, namespace, name },
          since: Math.max(since, Date.parse(setting.createdAt), Date.parse(workspace.createdAt)),
        })
  // What the category leaves out: https://learn.microsoft.com/azure/aks/monitor-aks-reference#resource-logs
  const kept = events.filter(({ verb }) => verb !== 'get' && verb !== 'list')
  return {
    status: 200,
    body: { tables: [{ name: 'PrimaryResult', columns, rows: kept.slice(-1).map(row) }] },
  }
}

/** What sends the cluster's audit log to that workspace, to a table of its own. */
function settingOf(world: World, cluster: string, workspace: string): StoredResource | undefined {
  return world.store
    .list('azurerm_monitor_diagnostic_setting')
    .find(
      ({ attributes }) =>
        sameId(text(attributes, 'target_resource_id') ?? '', cluster) &&
        sameId(text(attributes, 'log_analytics_workspace_id') ?? '', workspace) &&
        text(attributes, 'log_analytics_destination_type') === 'Dedicated' &&
        blocks(attributes, 'enabled_log').some(log => text(log, 'category') === 'kube-audit-admin'),
    )
}

function row(event: AuditEvent): readonly string[] {
  return [event.requestReceivedTimestamp, event.user.username, event.verb, event.userAgent]
}
