import type { ResourceStore } from '../../../store/resource-store.ts'
import { sameId } from '../arm-id.ts'
import { block, requiredText, text } from '../attributes.ts'

/** Ids of what has an address in a subnet and so keeps it from being deleted. */
export function subnetUsers(subnetId: string, store: ResourceStore): readonly string[] {
  const uses = (candidate: string | undefined) => candidate !== undefined && sameId(candidate, subnetId)
  return [
    ...store
      .list('azurerm_private_endpoint')
      .filter(endpoint => uses(text(endpoint.attributes, 'subnet_id'))),
    ...store
      .list('azurerm_postgresql_flexible_server')
      .filter(server => uses(text(server.attributes, 'delegated_subnet_id'))),
    ...store
      .list('azurerm_kubernetes_cluster')
      .filter(cluster => uses(text(block(cluster.attributes, 'default_node_pool') ?? {}, 'vnet_subnet_id'))),
    ...store
      .list('azurerm_kubernetes_cluster_node_pool')
      .filter(pool => uses(text(pool.attributes, 'vnet_subnet_id'))),
  ].map(resource => requiredText(resource.attributes, 'id'))
}
