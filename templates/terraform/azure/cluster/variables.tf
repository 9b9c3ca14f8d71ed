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
  description = "dev, staging or prod: decides the control plane's tier, zones and which audit logs are kept."
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
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes (1.35); AKS chooses and keeps up the patch."
  type        = string

  validation {
    condition     = can(regex("^1\\.\\d{2}$", var.kubernetes_version))
    error_message = "kubernetes_version is a minor version such as 1.35."
  }
}

variable "pod_cidr" {
  description = "Addresses of pods: an overlay, never routed outside of the cluster."
  type        = string

  validation {
    condition     = can(cidrhost(var.pod_cidr, 0))
    error_message = "pod_cidr is an IPv4 range."
  }
}

variable "service_cidr" {
  description = "Addresses of Services."
  type        = string

  validation {
    condition     = can(cidrhost(var.service_cidr, 10)) && try(tonumber(split("/", var.service_cidr)[1]) >= 12, false)
    error_message = "service_cidr is an IPv4 range of /12 or smaller."
  }
}

variable "nodes" {
  description = "Nodes of the whole cluster: fewest, most, machine type, and whether interruptible ones may be used."
  type = object({
    min  = number
    max  = number
    type = string
    spot = bool
  })

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.max >= var.nodes.min && var.nodes.max <= 1000
    error_message = "nodes: 1 <= min <= max <= 1000."
  }
}

variable "gpu_nodes" {
  description = "An additional pool with GPUs; null for none."
  type = object({
    min  = number
    max  = number
    type = string
    spot = bool
  })
  default = null

  validation {
    condition = var.gpu_nodes == null || try(
      var.gpu_nodes.min >= 0 && var.gpu_nodes.max >= 1 && var.gpu_nodes.max >= var.gpu_nodes.min,
      false,
    )
    error_message = "gpu_nodes: 0 <= min <= max, max >= 1."
  }
}

variable "availability_zones" {
  description = "Zones of nodes in staging and prod; not every region has all three."
  type        = set(string)
  default     = ["1", "2", "3"]
}

variable "admin_group_object_ids" {
  description = "Entra groups whose members administer the cluster, beside whoever runs terraform."
  type        = set(string)
  default     = []
}

variable "authorized_ip_ranges" {
  description = "Ranges that may reach the API server; empty for all (Entra still decides who gets in)."
  type        = set(string)
  default     = []
}

variable "names" {
  description = "Every name, derived in one place (src/config/names.ts) within Azure's limits."
  type = object({
    cluster             = string
    dns_prefix          = string
    node_resource_group = string
    node_pools = object({
      system  = string
      general = string
      gpu     = string
    })
  })

  validation {
    condition     = alltrue([for name in values(var.names.node_pools) : can(regex("^[a-z][a-z0-9]{0,11}$", name))])
    error_message = "A node pool's name is 1 to 12 lower-case letters and digits and begins with a letter."
  }
}

variable "foundation" {
  description = "Outputs of the foundation root that this one builds on."
  type = object({
    resource_group             = string
    nodes_subnet_id            = string
    key_vault_id               = string
    log_analytics_workspace_id = string
    cluster_key = object({
      id          = string
      resource_id = string
    })
    registry = object({
      id = string
    })
    identities = map(object({
      id           = string
      client_id    = string
      principal_id = string
    }))
  })
}
