# Where audit logs go. Read and written with Entra tokens; the workspace's shared keys are off.
resource "azurerm_log_analytics_workspace" "main" {
  name                         = var.names.log_analytics
  resource_group_name          = azurerm_resource_group.main.name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = local.size.log_retention_days
  daily_quota_gb               = local.size.log_daily_quota_gb
  local_authentication_enabled = false
  tags                         = local.tags
}

# Who used which key.
resource "azurerm_monitor_diagnostic_setting" "key_vault" {
  name                       = "audit"
  target_resource_id         = azurerm_key_vault.main.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.main.id

  enabled_log {
    category = "AuditEvent"
  }
}
