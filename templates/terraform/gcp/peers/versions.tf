terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0"
    }
  }

  # Bucket and prefix come from `terraform init -backend-config`, credentials from the environment.
  backend "gcs" {}
}
