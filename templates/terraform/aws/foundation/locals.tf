data "aws_availability_zones" "available" {
  state = "available"

  # Local Zones and Wavelength Zones carry neither NAT gateways nor RDS.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_partition" "current" {}

locals {
  platform_tags = {
    "mlp.dev/platform-id" = var.platform_id
    project               = var.project
    environment           = var.environment
    owner                 = var.owner
  }

  # Zones are keyed a, b, c rather than by name, so that addresses in the state stay the same in every region.
  zones = {
    for index, key in ["a", "b", "c"] : key => {
      name  = data.aws_availability_zones.available.names[index]
      index = index
    }
  }

  sizes = {
    dev = {
      nat_zones            = ["a"] # One gateway: cheaper, and an outage of its zone is bearable.
      database_class       = "db.t4g.medium"
      database_storage_gib = 20
      database_multi_az    = false
      backup_days          = 1
      protect              = false
      cache_node           = "cache.t4g.small"
      cache_replicas       = 1
      cache_snapshot_days  = 0
      key_deletion_days    = 7
      log_retention_days   = 14
      noncurrent_days      = 7
    }
    staging = {
      nat_zones            = ["a"]
      database_class       = "db.t4g.large"
      database_storage_gib = 50
      database_multi_az    = false
      backup_days          = 7
      protect              = true
      cache_node           = "cache.t4g.medium"
      cache_replicas       = 1
      cache_snapshot_days  = 1
      key_deletion_days    = 14
      log_retention_days   = 30
      noncurrent_days      = 30
    }
    prod = {
      nat_zones            = ["a", "b", "c"] # One a zone: no zone depends on another one's gateway.
      database_class       = "db.r7g.large"
      database_storage_gib = 100
      database_multi_az    = true
      backup_days          = 30
      protect              = true
      cache_node           = "cache.r7g.large"
      cache_replicas       = 2
      cache_snapshot_days  = 7
      key_deletion_days    = 30
      log_retention_days   = 400
      noncurrent_days      = 90
    }
  }
  size = local.sizes[var.environment]

  # What each service may do; iam.tf and cache.tf turn it into policies and users.
  services = {
    api-gateway = {
      database        = true
      database_master = false
      cache           = true
      read_buckets    = []
      write_buckets   = []
      prefix          = ""
    }
    model-serving = {
      database        = false
      database_master = false
      cache           = true
      read_buckets    = ["models"]
      write_buckets   = []
      prefix          = ""
    }
    data-sync = {
      database        = true
      database_master = false
      cache           = false
      read_buckets    = ["models", "data"]
      write_buckets   = ["models", "data"]
      prefix          = ""
    }
    # The registry of models runs in one cloud; what it may do is there in each, so that it can move.
    mlflow = {
      database        = true
      database_master = false
      cache           = false
      read_buckets    = ["models"]
      write_buckets   = ["models"]
      prefix          = "mlflow/"
    }
    # Runs for seconds, in a job of phase 3: makes the services' users in the database.
    database-admin = {
      database        = false
      database_master = true
      cache           = false
      read_buckets    = []
      write_buckets   = []
      prefix          = ""
    }
  }
}
