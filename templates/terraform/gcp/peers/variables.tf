variable "project_id" {
  description = "Google Cloud project the platform lives in."
  type        = string
}

variable "region" {
  description = "Region of the platform."
  type        = string
}

variable "name" {
  description = "The platform's name: <project>-<environment>."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod."
  type        = string
}

variable "labels" {
  description = "Labels of the platform."
  type        = map(string)
}

variable "names" {
  description = "Every name this root uses."
  type = object({
    pool = string
  })
}

variable "buckets" {
  description = "Names of the buckets that data-sync keeps in step."
  type        = set(string)
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
