# Facts for the cluster root and for mlp's later phases. Nothing here is secret.

output "resource_group" {
  description = "Name of the resource group."
  value       = azurerm_resource_group.main.name
}

output "virtual_network_id" {
  description = "ARM id of the virtual network."
  value       = azurerm_virtual_network.main.id
}

output "nodes_subnet_id" {
  description = "ARM id of the nodes' subnet."
  value       = azurerm_subnet.nodes.id

  # A cluster may use the subnet only when its way out and its rules are there.
  depends_on = [
    azurerm_nat_gateway_public_ip_association.main,
    azurerm_subnet_nat_gateway_association.nodes,
    azurerm_subnet_network_security_group_association.nodes,
  ]
}

output "outbound_ip" {
  description = "Public address that the platform's traffic comes from; null while dormant."
  value       = one(azurerm_public_ip.nat[*].ip_address)
}

output "tenant_id" {
  description = "Entra tenant."
  value       = data.azurerm_client_config.current.tenant_id
}

output "identities" {
  description = "Managed identities by purpose."
  value = {
    for purpose, identity in {
      cluster        = azurerm_user_assigned_identity.cluster
      kubelet        = azurerm_user_assigned_identity.kubelet
      api_gateway    = azurerm_user_assigned_identity.api_gateway
      model_serving  = azurerm_user_assigned_identity.model_serving
      data_sync      = azurerm_user_assigned_identity.data_sync
      mlflow         = azurerm_user_assigned_identity.mlflow
      database_admin = azurerm_user_assigned_identity.database_admin
    } :
    purpose => {
      id           = identity.id
      client_id    = identity.client_id
      principal_id = identity.principal_id
    }
  }
}

output "key_vault_id" {
  description = "ARM id of the key vault."
  value       = azurerm_key_vault.main.id
}

output "cluster_key" {
  description = "Key that encrypts etcd: its versioned id, and its ARM id for role assignments."
  value = {
    id          = azurerm_key_vault_key.cluster.id
    resource_id = azurerm_key_vault_key.cluster.resource_versionless_id
  }
}

output "log_analytics_workspace_id" {
  description = "ARM id of the Log Analytics workspace."
  value       = azurerm_log_analytics_workspace.main.id
}

output "registry" {
  description = "Container registry."
  value = {
    id           = azurerm_container_registry.main.id
    name         = azurerm_container_registry.main.name
    login_server = azurerm_container_registry.main.login_server
  }
}

output "storage" {
  description = "Storage account and its containers."
  value = {
    account       = azurerm_storage_account.main.name
    blob_endpoint = azurerm_storage_account.main.primary_blob_endpoint
    containers    = { for key, container in azurerm_storage_container.main : key => container.name }
  }
}

output "database" {
  description = "Where the database is; whoever connects brings an Entra token."
  value = {
    engine = var.database_engine
    host = one(concat(
      azurerm_postgresql_flexible_server.main[*].fqdn,
      azurerm_mssql_server.main[*].fully_qualified_domain_name,
    ))
    port = local.postgresql ? 5432 : 1433
    name = var.names.database
  }
}

output "cache" {
  description = "Redis endpoint; TLS and Entra tokens; null while dormant."
  value = var.dormant ? null : {
    host = azurerm_managed_redis.main[0].hostname
    port = azurerm_managed_redis.main[0].default_database[0].port
  }
}
