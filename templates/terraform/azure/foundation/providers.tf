provider "azurerm" {
  subscription_id = var.subscription_id

  # mlp registers the resource providers it needs before it runs terraform, and waits for them.
  resource_provider_registrations = "none"

  # Shared keys are off everywhere, so data planes are reached with Entra tokens.
  storage_use_azuread = true

  features {
    resource_group {
      # Something in the group that terraform does not know is a person's: stop and say so.
      prevent_deletion_if_contains_resources = true
    }

    key_vault {
      # Vaults and keys stay recoverable for the retention period; a new platform of the same name takes them back.
      purge_soft_delete_on_destroy    = false
      recover_soft_deleted_key_vaults = true
      recover_soft_deleted_keys       = true
    }

    storage {
      # Containers are made through ARM; the data plane may be closed to whoever runs terraform.
      data_plane_available = false
    }
  }
}

# Who runs terraform: gets the one data-plane role needed to make keys.
data "azurerm_client_config" "current" {}
