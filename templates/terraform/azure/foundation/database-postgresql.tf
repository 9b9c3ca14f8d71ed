# PostgreSQL inside the virtual network. Entra is the only way in: there is no password to leak, keep or rotate.
resource "azurerm_postgresql_flexible_server" "main" {
  count = local.postgresql ? 1 : 0

  name                          = var.names.database_server
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  version                       = var.postgresql_version
  sku_name                      = local.size.database_sku
  storage_mb                    = local.size.database_storage_mb
  auto_grow_enabled             = true
  backup_retention_days         = local.size.backup_days
  geo_redundant_backup_enabled  = local.size.geo_redundant_backup
  public_network_access_enabled = false
  delegated_subnet_id           = azurerm_subnet.database[0].id
  private_dns_zone_id           = azurerm_private_dns_zone.main["database"].id
  zone                          = local.size.database_zone_redundant ? "1" : null
  tags                          = local.tags

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = data.azurerm_client_config.current.tenant_id
  }

  dynamic "high_availability" {
    for_each = local.size.database_zone_redundant ? [true] : []

    content {
      mode                      = "ZoneRedundant"
      standby_availability_zone = "2"
    }
  }

  # Sunday, 02:00 UTC.
  maintenance_window {
    day_of_week  = 0
    start_hour   = 2
    start_minute = 0
  }

  lifecycle {
    # A failover swaps the zones; putting them back would be a second one.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }

  depends_on = [
    azurerm_private_dns_zone_virtual_network_link.main,
    azurerm_subnet_network_security_group_association.database,
  ]
}

resource "azurerm_postgresql_flexible_server_active_directory_administrator" "platform" {
  count = local.postgresql ? 1 : 0

  server_name         = azurerm_postgresql_flexible_server.main[0].name
  resource_group_name = azurerm_resource_group.main.name
  tenant_id           = data.azurerm_client_config.current.tenant_id
  object_id           = azurerm_user_assigned_identity.database_admin.principal_id
  principal_name      = azurerm_user_assigned_identity.database_admin.name
  principal_type      = "ServicePrincipal"
}

resource "azurerm_postgresql_flexible_server_configuration" "require_tls" {
  count = local.postgresql ? 1 : 0

  name      = "require_secure_transport"
  server_id = azurerm_postgresql_flexible_server.main[0].id
  value     = "on"
}

resource "azurerm_postgresql_flexible_server_database" "main" {
  count = local.postgresql ? 1 : 0

  name      = var.names.database
  server_id = azurerm_postgresql_flexible_server.main[0].id
  charset   = "UTF8"
  collation = "en_US.utf8"
}
