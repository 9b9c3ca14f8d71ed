provider "azurerm" {
  subscription_id                 = var.subscription_id
  resource_provider_registrations = "none"
  storage_use_azuread             = true

  features {}
}

# Who runs terraform: made administrator of the cluster, by Azure RBAC.
data "azurerm_client_config" "current" {}
