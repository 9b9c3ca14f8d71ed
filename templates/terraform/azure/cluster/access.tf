# What the cluster may do outside of itself, each at the narrowest scope that works.

# Joins nodes and load balancers to the subnet.
resource "azurerm_role_assignment" "cluster_subnet" {
  name                 = local.role_assignment_names["cluster/subnet"]
  scope                = var.foundation.nodes_subnet_id
  role_definition_name = "Network Contributor"
  principal_id         = var.foundation.identities["cluster"].principal_id
  principal_type       = "ServicePrincipal"
}

# Hands the kubelet its identity.
resource "azurerm_role_assignment" "cluster_kubelet_identity" {
  name                 = local.role_assignment_names["cluster/kubelet-identity"]
  scope                = var.foundation.identities["kubelet"].id
  role_definition_name = "Managed Identity Operator"
  principal_id         = var.foundation.identities["cluster"].principal_id
  principal_type       = "ServicePrincipal"
}

# Encrypts and decrypts Secrets with the one key.
resource "azurerm_role_assignment" "cluster_etcd_key" {
  name                 = local.role_assignment_names["cluster/etcd-key"]
  scope                = var.foundation.cluster_key.resource_id
  role_definition_name = "Key Vault Crypto User"
  principal_id         = var.foundation.identities["cluster"].principal_id
  principal_type       = "ServicePrincipal"
}

# AKS looks the vault's settings up before it takes a key.
resource "azurerm_role_assignment" "cluster_key_vault" {
  name                 = local.role_assignment_names["cluster/key-vault"]
  scope                = var.foundation.key_vault_id
  role_definition_name = "Key Vault Reader"
  principal_id         = var.foundation.identities["cluster"].principal_id
  principal_type       = "ServicePrincipal"
}

# Nodes pull images.
resource "azurerm_role_assignment" "kubelet_registry" {
  name                 = local.role_assignment_names["kubelet/registry"]
  scope                = var.foundation.registry.id
  role_definition_name = "AcrPull"
  principal_id         = var.foundation.identities["kubelet"].principal_id
  principal_type       = "ServicePrincipal"
}

# mlp's next phases work as whoever ran terraform. Teams: give their Entra groups through admin_group_object_ids.
resource "azurerm_role_assignment" "operator_cluster" {
  name                 = local.role_assignment_names["operator/cluster"]
  scope                = azurerm_kubernetes_cluster.main.id
  role_definition_name = "Azure Kubernetes Service RBAC Cluster Admin"
  principal_id         = data.azurerm_client_config.current.object_id

  lifecycle {
    ignore_changes = [principal_id]
  }
}
