variable "project" {
  description = "Name of the platform's project; part of most names."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod."
  type        = string
}

variable "owner" {
  description = "Team or person answerable for the platform; becomes a tag."
  type        = string
}

variable "platform_id" {
  description = "Marks everything that belongs to this platform."
  type        = string
}

variable "account_id" {
  description = "The only AWS account this root may touch."
  type        = string
}

variable "region" {
  description = "AWS region, for example us-east-1."
  type        = string
}

variable "names" {
  description = "Every name this root uses."
  type = object({
    cluster = string
    roles   = object({ deploy = string, read = string })
  })
}

variable "provider_is_there" {
  description = "Whether the account has a provider for GitHub's tokens that this platform did not make."
  type        = bool
}

variable "subjects" {
  description = "What GitHub's tokens say they are, by purpose: the whole subject, repository and environment."
  type        = map(string)

  validation {
    condition     = alltrue([for subject in values(var.subjects) : can(regex("^repo:[^*?]+:environment:[^*?]+$", subject))])
    error_message = "subjects must name one repository and one environment, without wildcards."
  }
}

variable "policies" {
  description = "What each may do, as IAM policies."
  type        = any
}
