terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # Partial on purpose: bucket, key and region come from `-backend-config`, credentials from the environment.
  backend "s3" {}
}
