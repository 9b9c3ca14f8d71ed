variable "project_id" {
  description = "Google Cloud project the platform lives in."
  type        = string
}

variable "region" {
  description = "Region of the registry."
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
    pool             = string
    service_accounts = object({ deploy = string, read = string })
    state_bucket     = string
    registry         = string
  })
}

variable "roles" {
  description = "Roles on the project of both: what mlp asks of the cloud, and nothing that changes it."
  type        = set(string)
}

variable "subjects" {
  description = "What GitHub's tokens say they are, by purpose: the whole subject, repository and environment."
  type        = map(string)

  validation {
    condition     = alltrue([for subject in values(var.subjects) : can(regex("^repo:[^*?']+:environment:[^*?']+$", subject))])
    error_message = "subjects must name one repository and one environment, without wildcards."
  }
}
