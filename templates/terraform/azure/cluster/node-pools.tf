# The interruptible part of the cluster, when the configuration allows it.
resource "azurerm_kubernetes_cluster_node_pool" "spot" {
  count = var.nodes.spot && local.spot_pool.max > 0 ? 1 : 0

  name                  = var.names.node_pools.general
  kubernetes_cluster_id = azurerm_kubernetes_cluster.main.id
  mode                  = "User"
  vm_size               = var.nodes.type
  vnet_subnet_id        = var.foundation.nodes_subnet_id
  auto_scaling_enabled  = true
  min_count             = local.spot_pool.min
  max_count             = local.spot_pool.max
  orchestrator_version  = var.kubernetes_version
  os_sku                = "AzureLinux"
  zones                 = local.zones
  tags                  = local.tags

  priority        = "Spot"
  eviction_policy = "Delete"
  # Up to the regular price: evicted for capacity only.
  spot_max_price = -1
  node_labels    = local.spot_label
  node_taints    = [local.spot_taint]
}

# GPUs cost too much to run anything else: only pods that tolerate the taint come here. Scales to zero.
resource "azurerm_kubernetes_cluster_node_pool" "gpu" {
  count = var.gpu_nodes == null ? 0 : 1

  name                  = var.names.node_pools.gpu
  kubernetes_cluster_id = azurerm_kubernetes_cluster.main.id
  mode                  = "User"
  vm_size               = var.gpu_nodes.type
  vnet_subnet_id        = var.foundation.nodes_subnet_id
  auto_scaling_enabled  = true
  min_count             = var.gpu_nodes.min
  max_count             = var.gpu_nodes.max
  orchestrator_version  = var.kubernetes_version
  os_sku                = "AzureLinux"
  gpu_driver            = "Install"
  zones                 = local.zones
  tags                  = local.tags

  priority        = var.gpu_nodes.spot ? "Spot" : "Regular"
  eviction_policy = var.gpu_nodes.spot ? "Delete" : null
  node_labels     = merge({ "mlp.dev/pool" = "gpu" }, var.gpu_nodes.spot ? local.spot_label : {})
  node_taints     = concat(["nvidia.com/gpu=present:NoSchedule"], var.gpu_nodes.spot ? [local.spot_taint] : [])

  # Spot pools are replaced node by node as they are evicted; Azure refuses a surge for them.
  dynamic "upgrade_settings" {
    for_each = var.gpu_nodes.spot ? [] : [true]

    content {
      max_surge = "1"
    }
  }
}
