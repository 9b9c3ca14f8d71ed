import { randomUUID } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import { blocks, count, flag, requiredText, text } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

export const logAnalyticsWorkspace = azureType({
  type: 'azurerm_log_analytics_workspace',
  source:
    'https://learn.microsoft.com/azure/azure-monitor/logs/log-analytics-workspace-overview; names of 4 to 63 letters, numbers and hyphens; retention of 30 to 730 days (PerGB2018)',
  seconds: { create: 45, update: 15, delete: 20 },
  name: {
    attribute: 'name',
    pattern: /^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$/,
    text: 'must be 4 to 63 letters, numbers and hyphens, and neither begin nor end with a hyphen',
  },
  validate: configured => {
    const days = count(configured, 'retention_in_days')
    return days === undefined || (days >= 30 && days <= 730)
      ? []
      : [
          {
            path: 'retention_in_days',
            message: `expected retention_in_days to be in the range (30 - 730), got ${days}`,
          },
        ]
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.OperationalInsights/workspaces/${requiredText(planned, 'name')}`,
  create: planned => ({
    workspace_id: randomUUID(),
    // Keys are refused while local authentication is off, so none is handed out.
    primary_shared_key: '',
    secondary_shared_key: '',
    retention_in_days: count(planned, 'retention_in_days') ?? 30,
    sku: text(planned, 'sku') ?? 'PerGB2018',
  }),
  arm: {
    type: 'Microsoft.OperationalInsights/workspaces',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        customerId: text(attributes, 'workspace_id'),
        sku: { name: text(attributes, 'sku') },
        retentionInDays: count(attributes, 'retention_in_days'),
        features: { disableLocalAuth: !flag(attributes, 'local_authentication_enabled') },
      },
    }),
  },
})

/** Log categories of each type. Source: https://learn.microsoft.com/azure/azure-monitor/reference/logs-index */
const categories: Readonly<Record<string, readonly string[]>> = {
  'microsoft.containerservice/managedclusters': [
    'kube-apiserver',
    'kube-audit',
    'kube-audit-admin',
    'kube-controller-manager',
    'kube-scheduler',
    'cluster-autoscaler',
    'cloud-controller-manager',
    'guard',
    'csi-azuredisk-controller',
    'csi-azurefile-controller',
    'csi-snapshot-controller',
  ],
  'microsoft.keyvault/vaults': ['AuditEvent', 'AzurePolicyEvaluationDetails'],
}

export const diagnosticSetting = azureType({
  type: 'azurerm_monitor_diagnostic_setting',
  source:
    'https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings (five a resource; categories by type); azurerm: id and import `<resource id>|<name>`',
  seconds: { create: 5, update: 5, delete: 60 },
  refuses: { create: ['Conflict'] },
  name: {
    attribute: 'name',
    pattern: /^[^*<>%:&?+/\\]{1,260}$/,
    text: 'must hold 1 to 260 characters and none of * < > % : & ? + / \\',
  },
  id: planned => `${requiredText(planned, 'target_resource_id')}|${requiredText(planned, 'name')}`,
  references: planned => ({
    target_resource_id: text(planned, 'target_resource_id'),
    log_analytics_workspace_id: text(planned, 'log_analytics_workspace_id'),
  }),
  create(planned, id, { world }) {
    const target = requiredText(planned, 'target_resource_id')
    const type = /\/providers\/([^/]+\/[^/]+)\//i.exec(target)?.[1]?.toLowerCase() ?? ''
    const known = categories[type]
    const unknown = blocks(planned, 'enabled_log')
      .map(log => text(log, 'category'))
      .find(category => category !== undefined && known !== undefined && !known.includes(category))
    if (unknown !== undefined) throw new CloudError('BadRequest', `Category '${unknown}' is not supported.`)
    const others = world.store
      .list('azurerm_monitor_diagnostic_setting')
      .filter(other => text(other.attributes, 'target_resource_id') === target)
    if (others.length >= 5)
      throw new CloudError('Conflict', `The limit of 5 diagnostic settings was reached for ${target}.`, 409)
    return { log_analytics_destination_type: text(planned, 'log_analytics_destination_type') ?? '', id }
  },
  arm: {
    type: 'Microsoft.Insights/diagnosticSettings',
    id: ({ attributes }) =>
      `${requiredText(attributes, 'target_resource_id')}/providers/Microsoft.Insights/diagnosticSettings/${requiredText(attributes, 'name')}`,
    project: attributes => ({
      properties: {
        workspaceId: text(attributes, 'log_analytics_workspace_id'),
        logAnalyticsDestinationType: text(attributes, 'log_analytics_destination_type') || null,
        logs: blocks(attributes, 'enabled_log').map(log => ({
          category: text(log, 'category'),
          enabled: true,
        })),
      },
    }),
  },
})
