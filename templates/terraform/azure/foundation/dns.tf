# Private names of what is reached inside the network. A zone for each kind of service in use.
locals {
  private_dns_zones = merge(
    {
      blob  = "privatelink.blob.core.windows.net"
      cache = "privatelink.redis.azure.net"
    },
    local.postgresql ? { database = var.names.database_dns_zone } : {},
    local.azure_sql ? { database = "privatelink.database.windows.net" } : {},
  )
}

resource "azurerm_private_dns_zone" "main" {
  for_each = local.private_dns_zones

  name                = each.value
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "main" {
  for_each = local.private_dns_zones

  name                 = var.names.virtual_network
  private_dns_zone_id  = azurerm_private_dns_zone.main[each.key].id
  virtual_network_id   = azurerm_virtual_network.main.id
  registration_enabled = false
  tags                 = local.tags
}
