# Phase 1, second half: the AKS cluster, its node pools, and what binds them to the foundation. Holds no data.
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
