variable "project_id" {
  description = "Google Cloud project the platform lives in."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as us-central1, not a zone: the control plane spans the region's zones."
  }
}

variable "name" {
  description = "The cluster's name: <project>-<environment>."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.name))
    error_message = "A cluster name has at most 40 lower-case letters, digits and hyphens and begins with a letter."
  }
}

variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "labels" {
  description = "Labels of the platform: mlp-platform-id, project, environment, owner."
  type        = map(string)
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes, such as 1.35; GKE keeps its patches current."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "Give a minor version such as 1.35."
  }
}

variable "security_group" {
  description = "gke-security-groups@<domain>, the group whose member groups RBAC may name; null: RBAC knows no groups of Google's."
  type        = string
  default     = null

  validation {
    condition     = var.security_group == null ? true : can(regex("^gke-security-groups@", var.security_group))
    error_message = "GKE takes only a group that is called gke-security-groups."
  }
}

variable "nodes" {
  description = "General nodes: least and most in the whole cluster (not a zone), machine type, and whether they are spot."
  type = object({
    min  = number
    max  = number
    type = string
    spot = bool
  })

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.max >= var.nodes.min
    error_message = "At least one node, and no more at least than at most."
  }
}

variable "gpu_nodes" {
  description = "Nodes with an accelerator of their own (g2, a2, a3 machine types), or null for none."
  type = object({
    min  = number
    max  = number
    type = string
    spot = bool
  })
  default = null

  validation {
    condition     = var.gpu_nodes == null ? true : var.gpu_nodes.max >= var.gpu_nodes.min
    error_message = "No more GPU nodes at least than at most."
  }

  validation {
    condition     = var.gpu_nodes == null ? true : contains(keys(local.accelerators), split("-", var.gpu_nodes.type)[0])
    error_message = "The machine type brings its GPU with it: take one of the families g2, a2 or a3."
  }
}

variable "foundation" {
  description = "Outputs of the foundation root."
  type = object({
    network = object({
      id             = string
      subnetwork     = string
      pods_range     = string
      services_range = string
    })
    cluster_key      = string
    service_accounts = map(string)
  })
}
