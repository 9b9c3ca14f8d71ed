# Azure SQL Database, when the configuration asks for it. Its dialect is T-SQL: the other clouds speak PostgreSQL.
resource "azurerm_mssql_server" "main" {
  count = local.azure_sql ? 1 : 0

  name                          = var.names.sql_server
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  version                       = "12.0"
  minimum_tls_version           = "1.2"
  public_network_access_enabled = false
  tags                          = local.tags

  # Entra only: a server made so has no SQL login at all.
  azuread_administrator {
    login_username              = azurerm_user_assigned_identity.database_admin.name
    object_id                   = azurerm_user_assigned_identity.database_admin.principal_id
    tenant_id                   = data.azurerm_client_config.current.tenant_id
    azuread_authentication_only = true
  }
}

resource "azurerm_mssql_database" "main" {
  count = local.azure_sql ? 1 : 0

  name      = var.names.database
  server_id = azurerm_mssql_server.main[0].id
  sku_name  = local.size.sql_sku
  # dev is serverless: it sleeps after an hour without queries.
  min_capacity                = var.environment == "dev" ? 0.5 : null
  auto_pause_delay_in_minutes = var.environment == "dev" ? 60 : null
  max_size_gb                 = 32
  zone_redundant              = local.size.database_zone_redundant
  storage_account_type        = local.size.geo_redundant_backup ? "Geo" : "Local"
  geo_backup_enabled          = local.size.geo_redundant_backup
  tags                        = local.tags

  short_term_retention_policy {
    retention_days           = local.size.backup_days
    backup_interval_in_hours = 24
  }

  dynamic "long_term_retention_policy" {
    for_each = local.size.protected ? [true] : []

    content {
      weekly_retention  = "P4W"
      monthly_retention = "P12M"
    }
  }
}

resource "azurerm_private_endpoint" "sql" {
  count = local.azure_sql ? 1 : 0

  name                          = "${var.names.sql_server}-endpoint"
  custom_network_interface_name = "${var.names.sql_server}-nic"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  subnet_id                     = azurerm_subnet.private_endpoints.id
  tags                          = local.tags

  private_service_connection {
    name                           = "sql"
    private_connection_resource_id = azurerm_mssql_server.main[0].id
    subresource_names              = ["sqlServer"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "sql"
    private_dns_zone_ids = [azurerm_private_dns_zone.main["database"].id]
  }
}
