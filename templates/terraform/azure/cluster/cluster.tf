resource "azurerm_kubernetes_cluster" "main" {
  name                = var.names.cluster
  resource_group_name = var.foundation.resource_group
  location            = var.location
  node_resource_group = var.names.node_resource_group
  dns_prefix          = var.names.dns_prefix
  sku_tier            = var.environment == "dev" ? "Free" : "Standard"
  tags                = local.tags

  # A minor version only: the patch channel moves within it.
  kubernetes_version        = var.kubernetes_version
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"

  # Entra decides who gets in, Azure RBAC what they may do. No local administrator, no certificate in state.
  local_account_disabled            = true
  role_based_access_control_enabled = true
  run_command_enabled               = false

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    tenant_id              = data.azurerm_client_config.current.tenant_id
    admin_group_object_ids = var.admin_group_object_ids
  }

  # Pods take Azure identities without a secret (workload-identity.tf).
  oidc_issuer_enabled       = true
  workload_identity_enabled = true

  identity {
    type         = "UserAssigned"
    identity_ids = [var.foundation.identities["cluster"].id]
  }

  kubelet_identity {
    client_id                 = var.foundation.identities["kubelet"].client_id
    object_id                 = var.foundation.identities["kubelet"].principal_id
    user_assigned_identity_id = var.foundation.identities["kubelet"].id
  }

  # Secrets are encrypted in etcd with our key. Public: AKS reaches the vault from outside of the network.
  key_management_service {
    key_vault_key_id         = var.foundation.cluster_key.id
    key_vault_network_access = "Public"
  }

  dynamic "api_server_access_profile" {
    for_each = length(var.authorized_ip_ranges) > 0 ? [true] : []

    content {
      authorized_ip_ranges = var.authorized_ip_ranges
    }
  }

  default_node_pool {
    name                        = var.names.node_pools.system
    vm_size                     = var.nodes.type
    vnet_subnet_id              = var.foundation.nodes_subnet_id
    auto_scaling_enabled        = true
    min_count                   = local.system_pool.min
    max_count                   = local.system_pool.max
    orchestrator_version        = var.kubernetes_version
    os_sku                      = "AzureLinux"
    zones                       = local.zones
    temporary_name_for_rotation = "systemtmp"
    tags                        = local.tags

    upgrade_settings {
      max_surge = "33%"
    }
  }

  # Nodes are chosen by the pools below, not by Karpenter.
  node_provisioning_profile {
    mode = "Manual"
  }

  # Cilium moves packets and enforces network policies; pods live in an overlay; the NAT gateway is the way out.
  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    pod_cidr            = var.pod_cidr
    service_cidr        = var.service_cidr
    dns_service_ip      = cidrhost(var.service_cidr, 10)
    load_balancer_sku   = "standard"
    outbound_type       = "userAssignedNATGateway"
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 4
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 4
  }

  # AKS checks these while it is made.
  depends_on = [
    azurerm_role_assignment.cluster_subnet,
    azurerm_role_assignment.cluster_kubelet_identity,
    azurerm_role_assignment.cluster_etcd_key,
    azurerm_role_assignment.cluster_key_vault,
  ]
}
