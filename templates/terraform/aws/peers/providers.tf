provider "aws" {
  region = var.region

  # A wrong profile must fail before it changes somebody else's account.
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.platform_tags
  }
}
