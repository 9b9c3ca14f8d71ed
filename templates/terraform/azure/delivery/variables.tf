variable "platform_id" {
  description = "Identity of this platform; tags everything it owns and seeds the ids of role assignments."
  type        = string
}

variable "project" {
  description = "Name of the project."
  type        = string
}

variable "environment" {
  description = "dev, staging or prod."
  type        = string
}

variable "owner" {
  description = "Person or team that answers for the platform."
  type        = string
}

variable "subscription_id" {
  description = "Subscription that everything is made in."
  type        = string
}

variable "location" {
  description = "Azure region in its short form: eastus."
  type        = string
}

variable "names" {
  description = "Every name this root uses."
  type = object({
    resource_group = string
    identities     = object({ deploy = string, read = string })
  })
}

variable "scopes" {
  description = "ARM ids of what rights are given on."
  type = object({
    resource_group = string
    cluster        = string
    registry       = string
    state          = string
    subscription   = string
  })
}

variable "subjects" {
  description = "What GitHub's tokens say they are, by purpose: the whole subject, repository and environment."
  type        = map(string)

  validation {
    condition     = alltrue([for subject in values(var.subjects) : can(regex("^repo:[^*?]+:environment:[^*?]+$", subject))])
    error_message = "subjects must name one repository and one environment, without wildcards."
  }
}
