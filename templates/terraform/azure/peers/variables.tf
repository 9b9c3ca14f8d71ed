variable "subscription_id" {
  description = "Subscription that everything is made in."
  type        = string
}

variable "tenant_id" {
  description = "Entra tenant of the platform's identities."
  type        = string
}

variable "identity" {
  description = "data-sync's managed identity."
  type = object({
    id        = string
    client_id = string
  })
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
