import { CloudError } from '../../../behaviour.ts'
import { block, count, requiredText, text, texts } from '../attributes.ts'
import { azureType, requireExisting } from '../azure-type.ts'
import { fullVersion, poolProfile } from './kubernetes-cluster.ts'
import { applyPool, checkPool, removePool, startingNodes } from './node-groups.ts'

const spotTaint = 'kubernetes.azure.com/scalesetpriority=spot:NoSchedule'

export const nodePool = azureType({
  type: 'azurerm_kubernetes_cluster_node_pool',
  source:
    'https://learn.microsoft.com/rest/api/aks/agent-pools; https://learn.microsoft.com/azure/aks/spot-node-pool (a spot pool cannot be the default one; AKS adds the label and taint)',
  seconds: { create: 120, update: 90, delete: 120 },
  refuses: { create: ['Conflict'] },
  name: {
    attribute: 'name',
    pattern: /^[a-z][a-z0-9]{0,11}$/,
    text: 'must start with a lowercase letter, have max length of 12, and only have characters a-z0-9',
  },
  id: planned =>
    `${requiredText(planned, 'kubernetes_cluster_id')}/agentPools/${requiredText(planned, 'name')}`,
  references: planned => ({ vnet_subnet_id: text(planned, 'vnet_subnet_id') }),
  validate(configured) {
    const problems: { path?: string; message: string }[] = []
    const spot = text(configured, 'priority') === 'Spot'
    if (!spot && text(configured, 'eviction_policy') !== undefined)
      problems.push({
        path: 'eviction_policy',
        message: '`eviction_policy` can only be set when `priority` is set to `Spot`',
      })
    if (spot && text(configured, 'mode') === 'System')
      problems.push({ path: 'priority', message: 'a spot pool cannot be a system pool' })
    return problems
  },
  async create(planned, id, { world }) {
    checkPool(planned)
    const clusterId = requiredText(planned, 'kubernetes_cluster_id')
    const cluster = requireExisting(clusterId, 'kubernetes_cluster_id', world.store)
    if (text(block(cluster.attributes, 'default_node_pool') ?? {}, 'name') === requiredText(planned, 'name'))
      throw new CloudError('Conflict', `The agent pool ${requiredText(planned, 'name')} already exists.`, 409)
    const spot = text(planned, 'priority') === 'Spot'
    const taints = texts(planned, 'node_taints')
    const made = {
      ...planned,
      id,
      kubelet_disk_type: text(planned, 'kubelet_disk_type') ?? 'OS',
      max_pods: count(planned, 'max_pods') ?? 250,
      node_count: startingNodes(planned),
      node_image_version: 'AKSAzureLinux-V3gen2-202610.28.0',
      node_labels:
        planned['node_labels'] ?? (spot ? { 'kubernetes.azure.com/scalesetpriority': 'spot' } : {}),
      node_taints: spot && !taints.includes(spotTaint) ? [...taints, spotTaint] : planned['node_taints'],
      orchestrator_version:
        text(planned, 'orchestrator_version') ??
        fullVersion(text(cluster.attributes, 'kubernetes_version') ?? '1.35'),
      os_disk_size_gb: count(planned, 'os_disk_size_gb') ?? 128,
      os_sku: text(planned, 'os_sku') ?? 'Ubuntu',
    }
    await applyPool(world, cluster.attributes, made)
    return made
  },
  async update(prior, planned, { world }) {
    const next = { ...prior, ...planned }
    checkPool(next)
    const cluster = requireExisting(
      requiredText(next, 'kubernetes_cluster_id'),
      'kubernetes_cluster_id',
      world.store,
    )
    await applyPool(world, cluster.attributes, next)
    return next
  },
  removed: (attributes, { world }) =>
    removePool(world, requiredText(attributes, 'kubernetes_cluster_id'), requiredText(attributes, 'name')),
  arm: {
    type: 'Microsoft.ContainerService/managedClusters/agentPools',
    project: attributes => ({ properties: poolProfile(attributes) }),
  },
})
