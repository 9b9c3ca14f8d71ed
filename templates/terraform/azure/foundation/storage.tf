# Models, data and logs. Entra only: shared keys and local users are off, so no key in state opens anything.
resource "azurerm_storage_account" "main" {
  name                            = var.names.storage_account
  resource_group_name             = azurerm_resource_group.main.name
  location                        = var.location
  account_kind                    = "StorageV2"
  account_tier                    = "Standard"
  account_replication_type        = local.size.storage_replication
  access_tier                     = "Hot"
  min_tls_version                 = "TLS1_2"
  https_traffic_only_enabled      = true
  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  local_user_enabled              = false
  allow_nested_items_to_be_public = false
  # A second layer of encryption with another key, below the service's own.
  infrastructure_encryption_enabled = true
  # In dev a laptop with an Entra token gets in; elsewhere only the private endpoint does.
  public_network_access_enabled = var.environment == "dev"
  tags                          = local.tags

  blob_properties {
    versioning_enabled  = true
    change_feed_enabled = local.size.protected

    delete_retention_policy {
      days = local.size.soft_delete_days
    }

    container_delete_retention_policy {
      days = local.size.soft_delete_days
    }
  }
}

resource "azurerm_storage_container" "main" {
  for_each = toset(["models", "data", "logs"])

  name                  = each.key
  storage_account_id    = azurerm_storage_account.main.id
  container_access_type = "private"
}

# Versions and logs would grow for ever.
resource "azurerm_storage_management_policy" "main" {
  storage_account_id = azurerm_storage_account.main.id

  rule {
    name    = "expire-old-versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = 90
      }
    }
  }

  rule {
    name    = "age-logs"
    enabled = true

    filters {
      blob_types   = ["blockBlob", "appendBlob"]
      prefix_match = ["logs/"]
    }

    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = local.size.protected ? 365 : 30
      }
    }
  }
}

resource "azurerm_private_endpoint" "blob" {
  name                          = "${var.names.storage_account}-blob-endpoint"
  custom_network_interface_name = "${var.names.storage_account}-blob-nic"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  subnet_id                     = azurerm_subnet.private_endpoints.id
  tags                          = local.tags

  private_service_connection {
    name                           = "blob"
    private_connection_resource_id = azurerm_storage_account.main.id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "blob"
    private_dns_zone_ids = [azurerm_private_dns_zone.main["blob"].id]
  }
}

# Least privilege, by container.
resource "azurerm_role_assignment" "model_serving_models" {
  name                 = local.role_assignment_names["model-serving/models"]
  scope                = azurerm_storage_container.main["models"].id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = azurerm_user_assigned_identity.model_serving.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "data_sync_models" {
  name                 = local.role_assignment_names["data-sync/models"]
  scope                = azurerm_storage_container.main["models"].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.data_sync.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "mlflow_models" {
  name                 = local.role_assignment_names["mlflow/models"]
  scope                = azurerm_storage_container.main["models"].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.mlflow.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "data_sync_data" {
  name                 = local.role_assignment_names["data-sync/data"]
  scope                = azurerm_storage_container.main["data"].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.data_sync.principal_id
  principal_type       = "ServicePrincipal"
}
