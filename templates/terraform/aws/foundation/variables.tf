variable "project" {
  description = "Name of the platform's project; part of most names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project))
    error_message = "project must be lower-case words joined by single hyphens, starting with a letter."
  }
}

variable "environment" {
  description = "Decides sizes, redundancy, backups and protection: see locals.tf."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "owner" {
  description = "Team or person answerable for the platform; becomes a tag."
  type        = string
}

variable "platform_id" {
  description = "Marks everything that belongs to this platform, so that it can be found without any state."
  type        = string

  validation {
    condition     = can(regex("^mlp-[a-z2-7]+$", var.platform_id))
    error_message = "platform_id must look like mlp-abc234defg."
  }
}

variable "account_id" {
  description = "The only AWS account this root may touch."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "region" {
  description = "AWS region, for example us-east-1."
  type        = string
}

variable "network_cidr" {
  description = "The VPC's primary range: public subnets, nodes, database and cache."
  type        = string

  validation {
    condition     = can(cidrhost(var.network_cidr, 0)) && try(tonumber(split("/", var.network_cidr)[1]), 32) <= 20 && try(tonumber(split("/", var.network_cidr)[1]), 0) >= 16
    error_message = "network_cidr must be an IPv4 range between /16 and /20."
  }
}

variable "pods_cidr" {
  description = "A secondary VPC range that only pods use, so that a busy cluster cannot exhaust the node subnets."
  type        = string

  validation {
    condition     = can(cidrhost(var.pods_cidr, 0)) && try(tonumber(split("/", var.pods_cidr)[1]), 32) <= 20 && try(tonumber(split("/", var.pods_cidr)[1]), 0) >= 16
    error_message = "pods_cidr must be an IPv4 range between /16 and /20."
  }
}

variable "database" {
  description = "What distinguishes the database from its environment's defaults; null keeps the default."
  type = object({
    engine_version = optional(string, "17")
    instance_class = optional(string)
    storage_gib    = optional(number)
  })
  default = {}
}

variable "cache" {
  description = "What distinguishes the cache from its environment's defaults; null keeps the default."
  type = object({
    engine_version = optional(string, "8.0")
    node_type      = optional(string)
  })
  default = {}
}

variable "dormant" {
  description = "Keep the data, take away what only a running platform needs and what costs by the hour: NAT and cache. Set by `mlp teardown`."
  type        = bool
  default     = false
}

variable "names" {
  description = "Every name this root uses, derived from project, environment and account in one place."
  type = object({
    vpc             = string
    cluster         = string
    kms_alias       = string
    database        = string
    database_name   = string
    database_admin  = string
    cache           = string
    security_groups = object({ database = string, cache = string })
    database_group  = string
    cache_group     = string
    buckets         = object({ models = string, data = string, logs = string })
    repositories    = map(string)
    service_roles   = map(string)
    cache_users     = map(string)
  })

  validation {
    condition     = startswith(var.names.kms_alias, "alias/")
    error_message = "names.kms_alias must start with alias/."
  }
}

variable "budget" {
  description = "What this cloud may cost in a month, and who is told (e-mail addresses); null makes no budget."
  type = object({
    name     = string
    amount   = number
    currency = string
    notify   = list(string)
  })
  default = null
}
