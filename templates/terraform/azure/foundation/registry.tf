# The nodes pull with the kubelet's identity (AcrPull, in the cluster root); nobody has a password.
resource "azurerm_container_registry" "main" {
  name                    = var.names.registry
  resource_group_name     = azurerm_resource_group.main.name
  location                = var.location
  sku                     = local.size.registry_sku
  admin_enabled           = false
  zone_redundancy_enabled = local.size.registry_sku == "Premium"
  # Untagged manifests; only Premium can.
  retention_policy_in_days = local.size.registry_sku == "Premium" ? 30 : null
  tags                     = local.tags
}
