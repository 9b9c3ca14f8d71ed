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
    role = string
  })
}

variable "buckets" {
  description = "Names of the buckets that data-sync keeps in step."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "The key of the platform's data."
  type        = string
}

variable "issuers" {
  description = "Issuers of the other clusters' service account tokens, by cloud."
  type        = map(string)

  validation {
    condition     = alltrue([for issuer in values(var.issuers) : startswith(issuer, "https://")])
    error_message = "issuers must begin with https://."
  }
}

variable "subject" {
  description = "The service account that is trusted there: system:serviceaccount:<namespace>:<name>."
  type        = string

  validation {
    condition     = can(regex("^system:serviceaccount:[a-z0-9-]+:[a-z0-9-]+$", var.subject))
    error_message = "subject must name one service account."
  }
}
