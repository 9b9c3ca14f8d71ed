# Azure Managed Redis (Azure Cache for Redis is being retired). TLS on port 10000, Entra tokens instead of keys.
resource "azurerm_managed_redis" "main" {
  count = var.dormant ? 0 : 1

  name                      = var.names.cache
  resource_group_name       = azurerm_resource_group.main.name
  location                  = var.location
  sku_name                  = local.size.cache_sku
  high_availability_enabled = local.size.cache_replicated
  public_network_access     = "Disabled"
  tags                      = local.tags

  default_database {
    access_keys_authentication_enabled = false
    client_protocol                    = "Encrypted"
    # Any Redis client works, one that knows nothing of clusters too.
    clustering_policy = "EnterpriseCluster"
    eviction_policy   = "VolatileLRU"
  }
}

resource "azurerm_managed_redis_access_policy_assignment" "api_gateway" {
  count = var.dormant ? 0 : 1

  managed_redis_id = azurerm_managed_redis.main[0].id
  object_id        = azurerm_user_assigned_identity.api_gateway.principal_id
}

resource "azurerm_managed_redis_access_policy_assignment" "model_serving" {
  count = var.dormant ? 0 : 1

  managed_redis_id = azurerm_managed_redis.main[0].id
  object_id        = azurerm_user_assigned_identity.model_serving.principal_id
}

resource "azurerm_private_endpoint" "cache" {
  count = var.dormant ? 0 : 1

  name                          = "${var.names.cache}-endpoint"
  custom_network_interface_name = "${var.names.cache}-nic"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  subnet_id                     = azurerm_subnet.private_endpoints.id
  tags                          = local.tags

  private_service_connection {
    name                           = "cache"
    private_connection_resource_id = azurerm_managed_redis.main[0].id
    subresource_names              = ["redisEnterprise"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "cache"
    private_dns_zone_ids = [azurerm_private_dns_zone.main["cache"].id]
  }
}
