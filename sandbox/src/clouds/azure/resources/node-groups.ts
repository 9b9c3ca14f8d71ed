import { createHash } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { NodeSpec, World } from '../../../world.ts'
import { lastSegment, subscriptionId } from '../arm-id.ts'
import { count, flag, requiredText, text, textMap, texts } from '../attributes.ts'
import { machineSize } from './virtual-machine-sizes.ts'

/** The key of a cluster in the sandbox's cluster manager. */
export function clusterKey(clusterId: string): string {
  return `azure/${lastSegment(clusterId)}`
}

/** What AKS refuses about a pool, whichever way it is made. */
export function checkPool(pool: Attributes): void {
  const size = requiredText(pool, 'vm_size')
  if (machineSize(size) === undefined)
    throw new CloudError(
      'VMSizeNotSupported',
      `The VM size of ${size} is not allowed in your subscription in this location. For more details, please visit https://aka.ms/cpu-quota`,
    )
  const [min, max] = [count(pool, 'min_count') ?? 0, count(pool, 'max_count') ?? 0]
  if (flag(pool, 'auto_scaling_enabled') && min > max)
    throw new CloudError(
      'InvalidParameter',
      `The value of parameter agentPoolProfile.minCount is invalid: min count ${min} is larger than max count ${max}.`,
    )
}

/** How many machines the autoscaler begins with. */
export function startingNodes(pool: Attributes): number {
  return count(pool, 'node_count') ?? count(pool, 'min_count') ?? 1
}

/** Gives the cluster the machines of one pool, as AKS labels and names them. */
export async function applyPool(world: World, cluster: Attributes, pool: Attributes): Promise<void> {
  const clusterId = requiredText(cluster, 'id')
  const name = requiredText(pool, 'name')
  await world.clusters.setNodes(clusterKey(clusterId), name, poolNodes(cluster, pool))
}

export async function removePool(world: World, clusterId: string, pool: string): Promise<void> {
  if (world.clusters.describe(clusterKey(clusterId)) !== undefined)
    await world.clusters.setNodes(clusterKey(clusterId), pool, [])
}

/**
 * The virtual machine scale set behind a pool.
 * Source: https://learn.microsoft.com/azure/aks/core-aks-concepts (`aks-<pool>-<hash>-vmss`)
 */
export function scaleSetId(cluster: Attributes, pool: string): string {
  const clusterId = requiredText(cluster, 'id')
  const hash = (Number.parseInt(createHash('sha256').update(clusterId).digest('hex').slice(0, 8), 16) % 1e8)
    .toString()
    .padStart(8, '0')
  return `/subscriptions/${subscriptionId(clusterId)}/resourceGroups/${requiredText(cluster, 'node_resource_group')}/providers/Microsoft.Compute/virtualMachineScaleSets/aks-${pool}-${hash}-vmss`
}

function poolNodes(cluster: Attributes, pool: Attributes): readonly NodeSpec[] {
  const name = requiredText(pool, 'name')
  const size = requiredText(pool, 'vm_size')
  const machine = machineSize(size)
  const scaleSet = scaleSetId(cluster, name)
  const location = requiredText(cluster, 'location')
  const zones = texts(pool, 'zones')
  return Array.from({ length: startingNodes(pool) }, (_, index) => {
    const nodeName = `${lastSegment(scaleSet)}${index.toString(36).padStart(6, '0')}`
    return {
      name: nodeName,
      providerId: `azure://${scaleSet}/virtualMachines/${index}`,
      labels: {
        agentpool: name,
        'kubernetes.azure.com/agentpool': name,
        'kubernetes.azure.com/cluster': requiredText(cluster, 'node_resource_group'),
        'kubernetes.azure.com/mode': (text(pool, 'mode') ?? 'System').toLowerCase(),
        'kubernetes.azure.com/os-sku': text(pool, 'os_sku') ?? 'Ubuntu',
        'node.kubernetes.io/instance-type': size,
        'topology.kubernetes.io/region': location,
        'topology.kubernetes.io/zone':
          zones.length === 0 ? '0' : `${location}-${zones[index % zones.length] ?? '1'}`,
        'kubernetes.io/hostname': nodeName,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        ...textMap(pool, 'node_labels'),
      },
      taints: texts(pool, 'node_taints').map(parseTaint),
      capacity: {
        cpu: String(machine?.cpus ?? 2),
        memory: `${machine?.memoryGib ?? 8}Gi`,
        pods: String(count(pool, 'max_pods') ?? 250),
        'ephemeral-storage': `${count(pool, 'os_disk_size_gb') ?? 128}Gi`,
        ...(machine !== undefined && machine.gpus > 0 ? { 'nvidia.com/gpu': String(machine.gpus) } : {}),
      },
    }
  })
}

/** `key=value:Effect` */
function parseTaint(taint: string): NodeSpec['taints'][number] {
  const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:(.+)$/.exec(taint) ?? []
  if (key === undefined || effect === undefined)
    throw new CloudError('InvalidParameter', `The taint ${taint} is not of the form key=value:effect.`)
  return { key, value: value ?? '', effect }
}
