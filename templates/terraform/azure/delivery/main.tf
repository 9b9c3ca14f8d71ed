# Phase 6: whom a job of the pipeline becomes on Azure. GitHub vouches for it by a token of minutes; no key is kept.

locals {
  tags = {
    "mlp-platform-id" = var.platform_id
    project           = var.project
    environment       = var.environment
    owner             = var.owner
  }

  # What both may do, and what deploy may do besides: role, where.
  grants = merge(concat(
    [
      for purpose in keys(var.subjects) : {
        # Whether resource providers are registered, and what quotas leave, the subscription alone tells.
        "${purpose}/reader"  = { purpose = purpose, role = "Reader", scope = var.scopes.subscription }
        "${purpose}/keys"    = { purpose = purpose, role = "Key Vault Reader", scope = var.scopes.resource_group }
        "${purpose}/cluster" = { purpose = purpose, role = "Azure Kubernetes Service Cluster User Role", scope = var.scopes.cluster }
        "${purpose}/pull"    = { purpose = purpose, role = "AcrPull", scope = var.scopes.registry }
        "${purpose}/state"   = { purpose = purpose, role = "Storage Blob Data Contributor", scope = var.scopes.state }
      }
    ],
    [{ "deploy/push" = { purpose = "deploy", role = "AcrPush", scope = var.scopes.registry } }],
  )...)
}

# deploy changes what runs; read only asks.
resource "azurerm_user_assigned_identity" "pipeline" {
  for_each = var.subjects

  name                = var.names.identities[each.key]
  resource_group_name = var.names.resource_group
  location            = var.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "pipeline" {
  for_each = var.subjects

  name                      = "github"
  user_assigned_identity_id = azurerm_user_assigned_identity.pipeline[each.key].id
  issuer                    = "https://token.actions.githubusercontent.com"
  subject                   = each.value
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_role_assignment" "pipeline" {
  for_each = local.grants

  name                 = uuidv5("url", "https://mlp.dev/${var.platform_id}/role-assignments/pipeline/${each.key}")
  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.pipeline[each.value.purpose].principal_id
  principal_type       = "ServicePrincipal"
}

output "identities" {
  description = "By purpose: what a job is told, and as whom the cluster knows it."
  value = {
    for purpose, identity in azurerm_user_assigned_identity.pipeline : purpose => {
      variables = { AZURE_CLIENT_ID = identity.client_id, AZURE_TENANT_ID = identity.tenant_id }
      subject   = { kind = "User", name = identity.principal_id }
    }
  }

  depends_on = [azurerm_federated_identity_credential.pipeline, azurerm_role_assignment.pipeline]
}
