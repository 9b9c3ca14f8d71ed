variable "project_id" {
  description = "Google Cloud project the platform lives in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens and begins with a letter."
  }
}

variable "region" {
  description = "Region of everything regional, such as us-central1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as us-central1, not a zone."
  }
}

variable "name" {
  description = "What every name begins with: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", var.name))
    error_message = "The name has at most 32 lower-case letters, digits and hyphens and begins with a letter."
  }
}

variable "environment" {
  description = "dev is small and disposable, staging is like prod but smaller, prod survives a zone."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "labels" {
  description = "Labels of the platform: mlp-platform-id, project, environment, owner."
  type        = map(string)

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Label keys and values have at most 63 lower-case letters, digits, underscores and hyphens."
  }

  validation {
    condition     = contains(keys(var.labels), "mlp-platform-id")
    error_message = "The label mlp-platform-id tells this platform's resources from everything else; it must be there."
  }
}

variable "network_cidr" {
  description = "Addresses of nodes, private endpoints and Google's own services in our network. No other cloud's network may overlap it."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.network_cidr)) && try(tonumber(split("/", var.network_cidr)[1]) >= 16 && tonumber(split("/", var.network_cidr)[1]) <= 20, false)
    error_message = "The network is an IPv4 range between /16 and /20, such as 10.20.0.0/16."
  }
}

variable "pods_cidr" {
  description = "Addresses of pods; GKE takes a /24 of it a node."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.pods_cidr))
    error_message = "The pod range is an IPv4 range such as 10.24.0.0/14."
  }
}

variable "services_cidr" {
  description = "Addresses of Kubernetes services."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.services_cidr))
    error_message = "The service range is an IPv4 range such as 10.28.0.0/20."
  }
}

variable "bucket_names" {
  description = "Globally unique bucket names by purpose."
  type = object({
    models = string
    data   = string
    logs   = string
  })
}

variable "service_account_ids" {
  description = "Service account ids (at most 30 characters) of the nodes and of each service."
  type = object({
    nodes          = string
    api_gateway    = string
    model_serving  = string
    data_sync      = string
    mlflow         = string
    database_admin = string
  })

  validation {
    condition     = alltrue([for id in values(var.service_account_ids) : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", id))])
    error_message = "A service account id has 6 to 30 lower-case letters, digits and hyphens and begins with a letter."
  }
}

variable "database_name" {
  description = "PostgreSQL database of the platform's services."
  type        = string
}

variable "dormant" {
  description = "Keep the data, take away what only a running platform needs and what costs by the hour: NAT and cache. Set by `mlp teardown`."
  type        = bool
  default     = false
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

variable "may_make_budget" {
  description = "Whether whoever runs terraform may make budgets on the project's billing account; mlp asks and sets TF_VAR_may_make_budget."
  type        = bool
  default     = true
}
