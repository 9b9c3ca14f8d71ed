# Phase 1, first half: what outlives clusters. Network, identities, keys, databases, storage, cache, registry, logs.
# `mlp` passes the backend's settings with -backend-config; credentials come by environment, never in a file.
terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "5.2.0"
    }
  }

  backend "azurerm" {}
}
