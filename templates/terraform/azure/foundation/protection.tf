# In prod, what holds data refuses deletion from any side, the portal included. mlp lifts these locks only for a
# teardown that was told to destroy data.
locals {
  protected_resources = local.size.protected ? merge(
    { storage = azurerm_storage_account.main.id },
    local.postgresql ? { database = azurerm_postgresql_flexible_server.main[0].id } : {},
    local.azure_sql ? { database = azurerm_mssql_server.main[0].id } : {},
  ) : {}
}

resource "azurerm_management_lock" "data" {
  for_each = local.protected_resources

  name       = "mlp-protect-data"
  scope      = each.value
  lock_level = "CanNotDelete"
  notes      = "Holds production data. Lifted by mlp teardown --destroy-data."

  # A lock also covers what is inside, so a destroy has to lift it before it touches any of these.
  depends_on = [
    azurerm_storage_container.main,
    azurerm_storage_management_policy.main,
    azurerm_private_endpoint.blob,
    azurerm_private_endpoint.sql,
    azurerm_role_assignment.model_serving_models,
    azurerm_role_assignment.data_sync_models,
    azurerm_role_assignment.data_sync_data,
    azurerm_postgresql_flexible_server_active_directory_administrator.platform,
    azurerm_postgresql_flexible_server_configuration.require_tls,
    azurerm_postgresql_flexible_server_database.main,
    azurerm_mssql_database.main,
  ]
}
