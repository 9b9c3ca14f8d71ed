# Rules are inline: a rule that someone adds by hand shows up in the next plan.

resource "azurerm_network_security_group" "nodes" {
  name                = "${var.names.network_security_group}-nodes"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags

  security_rule {
    name                       = "allow-web-to-ingress"
    description                = "The ingress gateway's load balancer keeps the client's address and the public port."
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = "Internet"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_ranges    = ["80", "443"]
  }

  security_rule {
    name                       = "allow-mesh-to-east-west-gateway"
    description                = "Mutual TLS between the platform's clusters."
    priority                   = 110
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = "Internet"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "15443"
  }
}

resource "azurerm_network_security_group" "database" {
  count = local.postgresql ? 1 : 0

  name                = "${var.names.network_security_group}-database"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags

  security_rule {
    name                       = "allow-nodes"
    description                = "Pods leave their nodes with the nodes' addresses; 6432 is the built-in PgBouncer."
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = local.subnet_cidrs.nodes
    source_port_range          = "*"
    destination_address_prefix = local.subnet_cidrs.database
    destination_port_ranges    = ["5432", "6432"]
  }

  security_rule {
    name                       = "allow-standby"
    description                = "Replication between the primary and its standby."
    priority                   = 110
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = local.subnet_cidrs.database
    source_port_range          = "*"
    destination_address_prefix = local.subnet_cidrs.database
    destination_port_ranges    = ["5432", "6432"]
  }

  security_rule {
    name                       = "deny-rest-of-network"
    description                = "Azure's default lets the whole virtual network in."
    priority                   = 4000
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "VirtualNetwork"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_network_security_group" "private_endpoints" {
  name                = "${var.names.network_security_group}-private-endpoints"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags

  security_rule {
    name                       = "allow-nodes"
    description                = "Storage on 443, Redis on 10000, Azure SQL on 1433."
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = local.subnet_cidrs.nodes
    source_port_range          = "*"
    destination_address_prefix = local.subnet_cidrs.private_endpoints
    destination_port_ranges    = ["443", "1433", "10000"]
  }

  security_rule {
    name                       = "deny-rest-of-network"
    description                = "Azure's default lets the whole virtual network in."
    priority                   = 4000
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "VirtualNetwork"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_subnet_network_security_group_association" "nodes" {
  subnet_id                 = azurerm_subnet.nodes.id
  network_security_group_id = azurerm_network_security_group.nodes.id
}

resource "azurerm_subnet_network_security_group_association" "database" {
  count = local.postgresql ? 1 : 0

  subnet_id                 = azurerm_subnet.database[0].id
  network_security_group_id = azurerm_network_security_group.database[0].id
}

resource "azurerm_subnet_network_security_group_association" "private_endpoints" {
  subnet_id                 = azurerm_subnet.private_endpoints.id
  network_security_group_id = azurerm_network_security_group.private_endpoints.id
}
