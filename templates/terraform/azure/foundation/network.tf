resource "azurerm_resource_group" "main" {
  name     = var.names.resource_group
  location = var.location
  tags     = local.tags
}

resource "azurerm_virtual_network" "main" {
  name                = var.names.virtual_network
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  address_space       = [var.network_cidr]
  tags                = local.tags
}

# Nodes only: pods have an overlay network of their own (the cluster root's pod_cidr).
resource "azurerm_subnet" "nodes" {
  name                            = "nodes"
  resource_group_name             = azurerm_resource_group.main.name
  virtual_network_name            = azurerm_virtual_network.main.name
  address_prefixes                = [local.subnet_cidrs.nodes]
  default_outbound_access_enabled = false
}

# A flexible server lives inside the network, alone in a subnet delegated to it.
resource "azurerm_subnet" "database" {
  count = local.postgresql ? 1 : 0

  name                            = "database"
  resource_group_name             = azurerm_resource_group.main.name
  virtual_network_name            = azurerm_virtual_network.main.name
  address_prefixes                = [local.subnet_cidrs.database]
  default_outbound_access_enabled = false

  delegation {
    name = "postgresql"

    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "private_endpoints" {
  name                            = "private-endpoints"
  resource_group_name             = azurerm_resource_group.main.name
  virtual_network_name            = azurerm_virtual_network.main.name
  address_prefixes                = [local.subnet_cidrs.private_endpoints]
  default_outbound_access_enabled = false

  # Without this, network security groups pass private endpoints by.
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

# The one way out, with one address that others can allow. Nodes themselves have no public address.
resource "azurerm_public_ip" "nat" {
  count = var.dormant ? 0 : 1

  name                = var.names.nat_public_ip
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = local.tags
}

resource "azurerm_nat_gateway" "main" {
  count = var.dormant ? 0 : 1

  name                = var.names.nat_gateway
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  sku_name            = "Standard"
  tags                = local.tags
}

resource "azurerm_nat_gateway_public_ip_association" "main" {
  count = var.dormant ? 0 : 1

  nat_gateway_id       = azurerm_nat_gateway.main[0].id
  public_ip_address_id = azurerm_public_ip.nat[0].id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  count = var.dormant ? 0 : 1

  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.main[0].id
}
