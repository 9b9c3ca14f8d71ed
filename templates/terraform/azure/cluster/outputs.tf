# Facts for mlp's later phases. Nothing here is secret: who connects brings an Entra token.

output "cluster" {
  description = "The AKS cluster."
  value = {
    id                  = azurerm_kubernetes_cluster.main.id
    name                = azurerm_kubernetes_cluster.main.name
    fqdn                = azurerm_kubernetes_cluster.main.fqdn
    kubernetes_version  = azurerm_kubernetes_cluster.main.current_kubernetes_version
    oidc_issuer_url     = azurerm_kubernetes_cluster.main.oidc_issuer_url
    node_resource_group = azurerm_kubernetes_cluster.main.node_resource_group
  }
}

output "workload_identities" {
  description = "Client id of the identity that each service account of namespace ml-platform takes."
  value       = { for name, purpose in local.service_accounts : name => var.foundation.identities[purpose].client_id }

  depends_on = [azurerm_federated_identity_credential.workload]
}
