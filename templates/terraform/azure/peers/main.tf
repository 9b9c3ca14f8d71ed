# Phase 3: data-sync of the platform's clusters in other clouds may use this cloud's containers. It signs in by its
# service account's token, which its own cluster issues and renews; no key is kept anywhere.

# It takes the identity that data-sync has in this cloud's own cluster, with that one's rights.
resource "azurerm_federated_identity_credential" "data_sync" {
  for_each = var.issuers

  name                      = "cluster-${each.key}"
  user_assigned_identity_id = var.identity.id
  issuer                    = each.value
  subject                   = var.subject
  audience                  = ["api://AzureADTokenExchange"]
}

output "client_id" {
  description = "The identity that data-sync of other clouds takes."
  value       = var.identity.client_id

  depends_on = [azurerm_federated_identity_credential.data_sync]
}

output "tenant_id" {
  description = "The Entra tenant of that identity."
  value       = var.tenant_id
}
