variable "platform_id" {
  description = "Identity of this platform; tags everything it owns and seeds the ids of role assignments."
  type        = string

  validation {
    condition     = can(regex("^mlp-[a-z2-7]{10}$", var.platform_id))
    error_message = "platform_id is mlp- and ten characters of lower-case base 32."
  }
}

variable "project" {
  description = "Name of the project."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod: decides sizes, redundancy, backups and protection (locals.tf)."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment is dev, staging or prod."
  }
}

variable "owner" {
  description = "Person or team that answers for the platform."
  type        = string
}

variable "subscription_id" {
  description = "Subscription that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-fA-F-]{36}$", var.subscription_id))
    error_message = "subscription_id is a UUID."
  }
}

variable "location" {
  description = "Azure region in its short form: eastus."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]+$", var.location))
    error_message = "location is the short form of a region: lower-case letters and digits."
  }
}

variable "network_cidr" {
  description = "Address space of the virtual network."
  type        = string

  validation {
    condition     = can(cidrhost(var.network_cidr, 0)) && try(tonumber(split("/", var.network_cidr)[1]) <= 20, false)
    error_message = "network_cidr is an IPv4 range of /20 or larger: it is cut into three subnets."
  }
}

variable "database_engine" {
  description = "postgresql: PostgreSQL flexible server. azure-sql: Azure SQL Database."
  type        = string
  default     = "postgresql"

  validation {
    condition     = contains(["postgresql", "azure-sql"], var.database_engine)
    error_message = "database_engine is postgresql or azure-sql."
  }
}

variable "postgresql_version" {
  description = "Major version of PostgreSQL."
  type        = string
  default     = "17"
}

variable "dormant" {
  description = "Keep the data, take away what only a running platform needs and what costs by the hour: NAT and cache. Set by `mlp teardown`."
  type        = bool
  default     = false
}

variable "names" {
  description = "Every name, derived in one place (src/config/names.ts) within Azure's limits."
  type = object({
    resource_group         = string
    virtual_network        = string
    network_security_group = string
    nat_gateway            = string
    nat_public_ip          = string
    registry               = string
    storage_account        = string
    key_vault              = string
    cluster_key            = string
    database_server        = string
    database_dns_zone      = string
    sql_server             = string
    database               = string
    cache                  = string
    log_analytics          = string
    identities = object({
      cluster        = string
      kubelet        = string
      api_gateway    = string
      model_serving  = string
      data_sync      = string
      mlflow         = string
      database_admin = string
    })
  })

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.names.storage_account))
    error_message = "A storage account's name is 3 to 24 lower-case letters and digits."
  }

  validation {
    condition     = can(regex("^[a-zA-Z0-9]{5,50}$", var.names.registry))
    error_message = "A container registry's name is 5 to 50 letters and digits."
  }

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]$", var.names.key_vault))
    error_message = "A key vault's name is 3 to 24 letters, digits and hyphens, and begins with a letter."
  }
}

variable "budget" {
  description = "What this cloud may cost in a month in the currency of its bills, in which groups, and who is told (e-mail addresses); null makes no budget."
  type = object({
    name   = string
    amount = number
    notify = list(string)
    groups = list(string)
  })
  default = null
}
