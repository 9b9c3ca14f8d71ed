# Entra trusts tokens that this cluster issues to these service accounts, each for its own identity.
locals {
  service_accounts = {
    "api-gateway"   = "api_gateway"
    "model-serving" = "model_serving"
    "data-sync"     = "data_sync"
    "mlflow"        = "mlflow"
    # A job of phase 3 that runs for seconds: makes the services' users in the database.
    "database-admin" = "database_admin"
  }

  namespaces = {
    "api-gateway"    = "ml-platform"
    "model-serving"  = "ml-serving"
    "data-sync"      = "ml-platform"
    "mlflow"         = "ml-platform"
    "database-admin" = "ml-platform"
  }
}

resource "azurerm_federated_identity_credential" "workload" {
  for_each = local.service_accounts

  name                      = "${local.namespaces[each.key]}-${each.key}"
  user_assigned_identity_id = var.foundation.identities[each.value].id
  issuer                    = azurerm_kubernetes_cluster.main.oidc_issuer_url
  subject                   = "system:serviceaccount:${local.namespaces[each.key]}:${each.key}"
  audience                  = ["api://AzureADTokenExchange"]
}
