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
}
