# One identity a purpose, so that each can hold exactly what it needs. The cluster root lets pods take them
# (federated credentials): no secret of any of them exists.

# AKS itself: joins nodes to the subnet, unwraps the key that encrypts etcd.
resource "azurerm_user_assigned_identity" "cluster" {
  name                = var.names.identities.cluster
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

# The nodes: pull images.
resource "azurerm_user_assigned_identity" "kubelet" {
  name                = var.names.identities.kubelet
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_user_assigned_identity" "api_gateway" {
  name                = var.names.identities.api_gateway
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_user_assigned_identity" "model_serving" {
  name                = var.names.identities.model_serving
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

resource "azurerm_user_assigned_identity" "data_sync" {
  name                = var.names.identities.data_sync
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

# The registry of models runs in one cloud; its identity is there in each, so that it can move.
resource "azurerm_user_assigned_identity" "mlflow" {
  name                = var.names.identities.mlflow
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

# The database's Entra administrator: migrations run as this identity and make the services' own, lesser roles.
resource "azurerm_user_assigned_identity" "database_admin" {
  name                = var.names.identities.database_admin
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}
