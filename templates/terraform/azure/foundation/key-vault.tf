# Keys only; no secret is kept here. Public on the network, closed by Entra: AKS reads the key from outside of the
# virtual network, and whoever runs terraform makes it.
resource "azurerm_key_vault" "main" {
  name                          = var.names.key_vault
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = local.size.protected ? "premium" : "standard"
  rbac_authorization_enabled    = true
  public_network_access_enabled = true
  # A cluster whose key is purged is lost with everything in it. Cannot be turned off again.
  purge_protection_enabled   = true
  soft_delete_retention_days = local.size.protected ? 90 : 7
  tags                       = local.tags
}

resource "azurerm_role_assignment" "operator_keys" {
  name                 = local.role_assignment_names["operator/keys"]
  scope                = azurerm_key_vault.main.id
  role_definition_name = "Key Vault Crypto Officer"
  principal_id         = data.azurerm_client_config.current.object_id

  # Whoever runs terraform next keeps the assignment of whoever ran it first; give a team's group the role instead
  # of replacing it in turn.
  lifecycle {
    ignore_changes = [principal_id]
  }
}

# Encrypts Kubernetes Secrets in etcd (the cluster root's key_management_service).
resource "azurerm_key_vault_key" "cluster" {
  name         = var.names.cluster_key
  key_vault_id = azurerm_key_vault.main.id
  key_type     = local.size.protected ? "RSA-HSM" : "RSA"
  key_size     = 3072
  key_opts     = ["decrypt", "encrypt"]
  tags         = local.tags

  depends_on = [azurerm_role_assignment.operator_keys]
}
