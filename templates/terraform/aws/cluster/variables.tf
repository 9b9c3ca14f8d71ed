variable "project" {
  description = "Name of the platform's project; part of most names."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod."
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

variable "kubernetes_version" {
  description = "Minor version of the control plane and the nodes, for example 1.35."
  type        = string

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version must be a minor version such as 1.35."
  }
}

variable "services_cidr" {
  description = "Range of Service addresses; must overlap neither the VPC nor the other clouds."
  type        = string

  validation {
    condition     = can(cidrhost(var.services_cidr, 0)) && try(tonumber(split("/", var.services_cidr)[1]), 0) >= 12 && try(tonumber(split("/", var.services_cidr)[1]), 32) <= 24
    error_message = "services_cidr must be an IPv4 range between /12 and /24, as EKS requires."
  }
}

variable "api_access" {
  description = "Who may reach the Kubernetes API. Nodes always do so privately; people need the public endpoint or a way into the VPC."
  type = object({
    public       = optional(bool, true)
    public_cidrs = optional(list(string), ["0.0.0.0/0"])
  })
  default = {}

  validation {
    condition     = !var.api_access.public || length(var.api_access.public_cidrs) > 0
    error_message = "api_access.public_cidrs must name at least one range while the public endpoint is on."
  }
}

variable "administrators" {
  description = "IAM principals, by a short name, that administer the cluster beside the one that creates it."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.administrators) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "administrators must hold ARNs of IAM roles or users."
  }
}

variable "group_members" {
  description = "Kubernetes groups by the IAM principal that is a member of them; what groups may do is RBAC's."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for arn in keys(var.group_members) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "group_members must be by ARNs of IAM roles or users."
  }
}

variable "nodes" {
  description = "The general node group; sizes are totals for the cluster."
  type = object({
    min  = number
    max  = number
    type = string
    spot = bool
  })

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.max >= var.nodes.min
    error_message = "nodes.min must be at least 1 and at most nodes.max."
  }
}

variable "gpu_nodes" {
  description = "An optional node group for accelerated models, tainted so that nothing else lands there; null for none."
  type = object({
    min  = number
    max  = number
    type = string
    spot = bool
  })
  default = null

  validation {
    condition     = var.gpu_nodes == null || try(var.gpu_nodes.max >= max(var.gpu_nodes.min, 1), false)
    error_message = "gpu_nodes.max must be at least 1 and at least gpu_nodes.min."
  }
}

variable "names" {
  description = "Every name this root uses, derived from project, environment and account in one place."
  type = object({
    cluster          = string
    log_group        = string
    node_groups      = object({ general = string, gpu = string })
    launch_templates = object({ general = string, gpu = string })
    roles            = object({ cluster = string, nodes = string, ebs_csi = string, vpc_cni = string })
  })
}

variable "foundation" {
  description = "Outputs of the foundation root."
  type = object({
    vpc_id             = string
    private_subnet_ids = map(string)
    pod_subnets        = map(string)
    kms_key_arn        = string
    service_role_arns  = map(string)
  })
}
